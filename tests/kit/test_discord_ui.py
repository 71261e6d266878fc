"""The look of our messages: harmless names, readable times, texts that fit, kind errors."""

import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from core.kit.discord import ui
from core.kit.discord.errors import handle_errors
from core.kit.errors import Outage, Refusal
from core.kit.text.words import speak


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ("MadCats", "MadCats"),
        ("雪Yuki", "雪Yuki"),
        ("_mad_cats_", r"\_mad\_cats\_"),
        ("**x** `y` ~~z~~ ||s||", r"\*\*x\*\* \`y\` \~\~z\~\~ \|\|s\|\|"),
        ("two\nlines", "two lines"),
        ("\n# Big", r"\# Big"),
        ("> quote", r"\> quote"),
        ("-# small", r"\-# small"),
        ("", ""),
    ],
)
def test_safe_shows_names_as_written(given_: str, shown: str) -> None:
    assert ui.safe(given_) == shown


@pytest.mark.parametrize(
    "text", ["@everyone", "@here", "<@110000000000000001>", "<@&110000000000000001>"]
)
def test_safe_prevents_mentions(text: str) -> None:
    assert text not in ui.safe(text)
    assert "\u200b" in ui.safe(text)


def test_safe_escapes_markdown_links() -> None:
    for words in ("[free](https://evil.example)", "[[free](x)", "\\[free](x)", "a [b] [c](d)"):
        shown = ui.safe(words)
        # Two backslashes are one that is shown; what is left before each bracket escapes it.
        assert "[" not in shown.replace("\\\\", "").replace("\\[", "")


def test_links_are_clickable_only_if_an_admin_wrote_them() -> None:
    link = "https://evil.example/_x_"
    assert ui.safe(link) == r"https\://evil\.example/\_x\_"
    assert ui.safe("discord.gg/abc") == r"discord\.gg/abc"
    assert ui.card(ui.safe(link)).title == ui.card(link).title == ui.safe(link)
    assert ui.safe(f"A mug: {link}", links=True) == f"A mug: {link}"


@given(text=st.text(max_size=400), limit=st.integers(1, 300))
def test_safe_returns_one_line_within_the_limit(text: str, limit: int) -> None:
    shown = ui.safe(text, limit)
    assert len(shown.splitlines()) <= 1
    # Each character may be escaped, and each @ is followed by a joiner.
    assert len(shown) <= 2 * limit + shown.count("\u200b")


def test_truncated_text_ends_with_an_ellipsis() -> None:
    assert ui.safe("x" * 10, 5) == "xxxx…"
    assert ui.safe("x" * 5, 5) == "xxxxx"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 00 min"),
        (43_500, "12 h 05 min"),
        (3_600_000 * 5, "5,000 h 00 min"),
    ],
)
def test_durations_are_hours_and_minutes(seconds: float, text: str) -> None:
    assert ui.duration(seconds) == text


def test_ago_uses_discord_relative_timestamp() -> None:
    assert ui.ago(datetime(2026, 11, 21, tzinfo=UTC)) == "<t:1795219200:R>"


rows = st.lists(st.text(st.characters(exclude_characters="\n"), min_size=1, max_size=60))


@given(rows=rows, limit=st.integers(60, 200))
def test_pages_keep_every_row_in_order_within_the_limit(rows: list[str], limit: int) -> None:
    made = ui.pages(rows, limit)
    assert all(len(page) <= limit for page in made)
    assert "\n".join(made).split("\n") == (rows or [""])
    # As few as they need: the next row would have fitted on no page.
    for page, following in pairwise(made):
        assert len(page) + 1 + len(following.split("\n", 1)[0]) > limit


@given(rows=rows, limit=st.integers(60, 200))
def test_omitted_lines_are_counted(rows: list[str], limit: int) -> None:
    shown = ui.lines(rows, limit).split("\n") if rows else []
    if shown != rows:
        assert shown[-1] == f"… and {len(rows) - len(shown) + 1} more"
        assert shown[:-1] == rows[: len(shown) - 1]
    assert len("\n".join(shown)) <= limit + len("\n… and 1000 more")


@pytest.mark.parametrize(
    ("title", "sent"),
    [
        ("🔗 **Mia** is linked", r"🔗 \*\*Mia\*\* is linked"),
        ("__evil__ `X` ~~y~~ ||z||", r"\_\_evil\_\_ \`X\` \~\~y\~\~ \|\|z\|\|"),
        ("[Free](https://evil.example)", r"\[Free](https\://evil\.example)"),
        ("# Big", r"\# Big"),
        ("Missing `viewer_name`.", "Missing `viewer_name`."),
        ("#1 wins", r"\#1 wins"),
        ("a\nb", "a b"),
        ("a \\", "a \\\\"),
        ("MadCats wins raffle #1!", "MadCats wins raffle #1!"),
    ],
)
def test_card_title_escapes_names_once(title: str, sent: str) -> None:
    assert ui.card(title).title == sent
    assert ui.card(sent).title == sent, "what is escaped already is not escaped twice"


@given(name=st.text(st.sampled_from("AB_*`~|[]()<># \\"), max_size=20))
def test_names_cannot_format_a_title(name: str) -> None:
    title = ui.card(f"🔗 {name} is linked").title or ""
    assert not re.search(r"[`*_~|\[]", re.sub(r"\\.", "", title))
    assert ui.card(title).title == title
    assert ui.card(f"🔗 {ui.safe(name)} is linked").title is not None


def test_cards_use_the_product_colors() -> None:
    embed = ui.card("Title", "Body", tone="success", footer="Foot")
    assert (embed.title, embed.description, embed.footer.text) == ("Title", "Body", "Foot")
    assert embed.colour is not None
    assert embed.colour.value == ui.COLOURS["success"]
    assert ui.card("Title").description is None


class Interaction:
    """As much of one as an error edge touches."""

    def __init__(self, *, acknowledged: bool) -> None:
        self.guild_id = 7
        self.guild = None
        self.sent: list[tuple[str, Any]] = []
        self.response = SimpleNamespace(
            is_done=lambda: acknowledged, send_message=self._sender("response")
        )
        self.followup = SimpleNamespace(send=self._sender("followup"))

    def _sender(self, way: str) -> Any:
        async def send(*, embed: Any, ephemeral: bool) -> None:
            assert ephemeral
            self.sent.append((way, embed))

        return send


def fail_with(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(("acknowledged", "way"), [(False, "response"), (True, "followup")])
@pytest.mark.parametrize(
    ("error", "title"),
    [
        (Refusal("It was played already."), "It was played already."),
        (Outage("Discord"), "Discord is not answering"),
        (RuntimeError("of viewer 4711"), "Something went wrong on our side"),
    ],
)
async def test_failed_button_replies_with_the_error(
    error: Exception, title: str, acknowledged: bool, way: str
) -> None:
    interaction = Interaction(acknowledged=acknowledged)
    with capture_logs() as logged:
        async with handle_errors(cast(Any, interaction)):
            fail_with(error)
    ((used, embed),) = interaction.sent
    assert used == way
    assert title in embed.title
    assert "4711" not in f"{embed.title}{embed.description}"
    if isinstance(error, RuntimeError):
        assert logged[0]["code"] in embed.description


def not_found(code: int) -> discord.NotFound:
    response = SimpleNamespace(status=404, reason="Not Found")
    return discord.NotFound(cast(Any, response), {"code": code, "message": "Unknown"})


async def test_expired_interaction_is_logged_as_warning() -> None:
    interaction = Interaction(acknowledged=False)
    with capture_logs() as logged:
        async with handle_errors(cast(Any, interaction)):
            fail_with(not_found(10062))
    assert interaction.sent == []
    assert [line["log_level"] for line in logged] == ["warning"]


async def test_missing_message_is_reported_as_bug() -> None:
    interaction = Interaction(acknowledged=False)
    async with handle_errors(cast(Any, interaction)):
        fail_with(not_found(10008))
    assert len(interaction.sent) == 1


async def test_failed_error_reply_is_logged() -> None:
    interaction = Interaction(acknowledged=True)

    async def fails(**_what: Any) -> None:
        raise not_found(10062)

    interaction.followup.send = fails
    with capture_logs() as logged:
        async with handle_errors(cast(Any, interaction)):
            fail_with(Refusal("It was played already."))
    assert [line["event"] for line in logged] == ["Sending a reply failed"]


async def test_successful_button_sends_nothing() -> None:
    interaction = Interaction(acknowledged=False)
    async with handle_errors(cast(Any, interaction)):
        pass
    assert interaction.sent == []


def test_durations_are_translated() -> None:
    with speak("xx"):
        assert ui.duration(60) == "1 min"


@pytest.mark.parametrize("gone", [0, "0", None, "None", "", "forgotten-2", -5])
def test_nobody_is_mentioned_who_is_gone(gone: object) -> None:
    assert ui.mention(gone) == "a deleted member"


def test_members_are_mentioned_in_one_way() -> None:
    """So that nothing shows `<@0>` after `/forgetme`. What pings gets an id that is checked."""
    core = Path(__file__).parents[2] / "core"
    found = {
        str(path.relative_to(core))
        for path in core.rglob("*.py")
        if "<@{" in path.read_text("utf-8")
    }
    assert found == {
        "kit/discord/ui.py",
        "outbox/discord_transport.py",  # pings
        "people/lookup.py",  # whoever was typed
        "people/panels/messages.py",  # whoever reacted
        "wagers/actions.py",  # looks a member up
    }
    assert ui.mention("77") == ui.mention(77) == "<@77>"
