"""Chat is data: nothing that people write runs, loads or breaks the page."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import expect

from tests.patience import PATIENCE
from tests.sandbox import page_rig
from tests.sandbox.page_rig import Place, Visit, visit

pytestmark = pytest.mark.browser

NASTY = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with page_rig.place(bot=False) as there:
        yield there


@pytest.fixture(scope="module")
def opened(place: Place) -> Iterator[Visit]:
    with visit(place, "as=mia", timezone_id="UTC") as page:
        yield page


@pytest.fixture
def mia(opened: Visit) -> Iterator[Visit]:
    yield opened
    opened.check()


def test_html_in_messages_and_names_is_escaped(place: Place, mia: Visit) -> None:
    place.discord.message("leo", "general", NASTY)
    place.discord.message("leo", "general", f"**{NASTY}** [x](javascript:alert(3)) `{NASTY}`")
    place.kick.chat("leo", NASTY)
    place.kick.chat("regulars", f"[emote:1:{NASTY.replace(' ', '/')}]")
    place.discord.member("leo", nick="<b>leo</b>")
    expect(mia.message(NASTY)).to_have_count(1)
    expect(mia.chat.get_by_text(NASTY).first).to_be_visible()
    expect(mia.page.locator("#members")).to_contain_text("<b>leo</b>")
    expect(
        mia.page.locator("#panes script, #panes img[src=x], #panes a[href^=javascript]")
    ).to_have_count(0)
    place.discord.member("leo", nick=None)


def test_long_emoji_and_markdown_messages_do_not_overflow(place: Place, mia: Visit) -> None:
    place.discord.message("leo", "general", "🎰" * 500)
    place.kick.chat("leo", "🤯" * 500)
    place.discord.message("leo", "general", ("*_~|`<@[" * 250)[:2000])
    place.discord.message("leo", "general", "and on it goes")
    expect(mia.message("🎰" * 500)).to_be_visible()
    expect(mia.chat.get_by_text("🤯" * 500)).to_be_visible()
    expect(mia.message("and on it goes")).to_be_visible()
    assert mia.overflowing() == []


def test_content_security_policy_blocks_other_scripts(place: Place, mia: Visit) -> None:
    policy = requests.get(place.sandbox.page_url, timeout=PATIENCE).headers[
        "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    with mia.page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        mia.page.evaluate("""() => {
            const inline = document.createElement('script');
            inline.textContent = 'window.broken = true';
            document.body.append(inline);
        }""")
    assert mia.page.evaluate("() => window.broken") is None
    mia.complaints.clear()


@pytest.mark.parametrize(
    "path",
    ["__init__.py", "index.html", "../faults.py", quote("../../app.py", safe=""), "js", "no.js"],
)
def test_only_assets_are_served(place: Place, path: str) -> None:
    request = requests.Request("GET", f"{place.sandbox.page_url}page/").prepare()
    request.url = f"{place.sandbox.page_url}page/{path}"  # as it stands, without tidying `..`
    assert requests.Session().send(request, timeout=PATIENCE).status_code == 404


MARKDOWN = [
    ("**bold** *em* _em_", "<p><strong>bold</strong> <em>em</em> <em>em</em></p>"),
    ("__under__ ~~gone~~", "<p><u>under</u> <s>gone</s></p>"),
    ("***both***", "<p><strong><em>both</em></strong></p>"),
    ("snake_case_name 2*3*4", "<p>snake_case_name 2<em>3</em>4</p>"),
    (r"\*plain\* \<b>", "<p>*plain* &lt;b&gt;</p>"),
    ("`**code**`", "<p><code>**code**</code></p>"),
    ("```py\nx < 1\n```", '<pre><code data-lang="py">x &lt; 1</code></pre>'),
    ("# One", '<div class="md-h1" role="heading" aria-level="4">One</div>'),
    ("-# small", '<small class="md-small">small</small>'),
    ("> said\nnot", "<blockquote><p>said</p></blockquote><p>not</p>"),
    (">>> all\nof it", "<blockquote><p>all\nof it</p></blockquote>"),
    ("- a\n- **b**", "<ul><li>a</li><li><strong>b</strong></li></ul>"),
    ("3. c", '<ol start="3"><li>c</li></ol>'),
    ("<@1> <@!1> <@&2> <#3> <@9>", "<p>@Ann @Ann @Mods #chat @unknown-user</p>"),
    ("</slotcalls status:5>", "<p>/slotcalls status</p>"),
    ("<:hype:4> <:gone:5>", "<p>H :gone:</p>"),
    ("[x](javascript:alert)", "<p>[x](javascript:alert)</p>"),
    ("<t:99999999999999:R> <t:x>", "<p>&lt;t:99999999999999:R&gt; &lt;t:x&gt;</p>"),
    ("||hidden||", "<p>hidden</p>"),
    ("a < b & c", "<p>a &lt; b &amp; c</p>"),
]


@pytest.mark.parametrize(("text", "html"), MARKDOWN)
def test_markdown_is_rendered(mia: Visit, text: str, html: str) -> None:
    drawn = mia.page.evaluate(
        """async (text) => {
            const { markdown } = await import('/page/js/markdown.js');
            const box = document.createElement('div');
            const named = (names) => (id) => names[id] ?? null;
            box.append(markdown(text, { user: named({1: 'Ann'}), role: named({2: 'Mods'}),
                channel: named({3: 'chat'}), emoji: named({4: true}) }));
            for (const one of box.querySelectorAll('span, button'))
                one.replaceWith(one.textContent);
            return box.innerHTML;
        }""",
        text,
    )
    assert drawn == html


def test_timestamps_are_human_readable(mia: Visit) -> None:
    words = mia.page.evaluate(
        """async () => {
            const { relative, timestamp } = await import('/page/js/markdown.js');
            return [relative(1000, 1090), relative(8200, 1000), relative(1000, 1000),
                timestamp(1700000000, 'D').textContent];
        }"""
    )
    assert words == ["1 minute ago", "in 2 hours", "now", "November 14, 2023"]
