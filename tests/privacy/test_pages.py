"""The two texts that everybody can read, on the web."""

import re

from flask.testing import FlaskClient
from pydantic import SecretStr

from combined_server import web
from core.dashboard.feature import make_feature as make_dashboard
from core.kit.database.connection import Database
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.privacy.feature import make_feature
from core.privacy.pages import TEXTS, Block, blocks
from tests.conventions.documents import output_of, personal_tables


def client() -> FlaskClient:
    settings = Settings(_env_file=None, flask_secret_key=SecretStr("a key of the tests"))
    services = Services(settings, Database("postgresql://127.0.0.1:1/x"), LocalBus())
    return web(services, [make_feature([]), make_dashboard([])]).test_client()


def test_texts_are_served_without_a_database() -> None:
    for path, heading in (("/privacy", "Privacy"), ("/terms", "Terms")):
        page = client().get(path)
        assert page.status_code == 200
        assert f"<h1>{heading}</h1>" in page.text
        assert "**" not in page.text
        assert page.text.count("<h1>") == 1


def test_commands_named_in_the_texts_exist() -> None:
    known = {command["slash"] for command in output_of("--commands")}
    for file in ("PRIVACY_POLICY.md", "TERMS_OF_SERVICE.md"):
        named = set(re.findall(r"`(/\w+)`", (TEXTS / file).read_text()))
        assert named
        assert named <= known


def test_used_markdown_is_parsed() -> None:
    text = (
        "# A & B\n\nOne\ntwo **bold** `code`.\n\n<!-- made -->\n\n- first\n  goes on\n- *second*"
        "\n\n## Next"
    )
    assert list(blocks(text)) == [
        Block("h1", ("A &amp; B",)),
        Block("p", ("One two <strong>bold</strong> <code>code</code>.",)),
        Block("ul", ("first goes on", "<em>second</em>")),
        Block("h2", ("Next",)),
    ]


def test_policy_lists_every_table_with_personal_data() -> None:
    page = client().get("/privacy").text
    assert all(f"(<code>{table.name}</code>)" in page for table in personal_tables())
    items = re.findall(r"<li>.*</li>", page)
    assert len([item for item in items if "After <code>/forgetme</code>" in item]) == len(
        personal_tables()
    )


def test_html_in_texts_is_escaped() -> None:
    assert next(blocks("<script>alert(1)</script>")).items == (
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    )
