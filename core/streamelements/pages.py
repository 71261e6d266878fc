"""StreamElements on the dashboard: the account, checks, and changes that need review."""

from flask import Response

from core.guilds.connections.pages import account_step, add_disconnect
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, SetupStep, whole_number
from core.streamelements import actions, bulk, health

PAGES = GuildPages("streamelements", lambda: "StreamElements", icon="plug-connected", order=13)


@PAGES.get()
def connection(page: Page) -> str:
    """The account, and unclear changes of points."""
    with page.together():
        account = page.run(actions.find_account)
        unclear = page.run(actions.list_unclear)
    return page.render(
        "streamelements_dashboard/connection.html",
        account=account,
        unclear=unclear,
        kind=actions.ACCOUNT,
    )


@PAGES.post("connect", shows=connection)
def connect(page: Page) -> Response:
    """Store a JWT token; it is never shown again."""
    guild_id, actor = page.guild.id, page.person.discord_id
    name = bulk.connect(page.services, guild_id, page.form.get("token", ""), actor)
    done = _("{account} is connected to {server}.")
    return page.done(done.format(account=name, server=page.guild.name))


add_disconnect(PAGES, actions.ACCOUNT, shows=connection)


@PAGES.post("check", shows=connection)
def check(page: Page) -> Response:
    """Check the connection with StreamElements."""
    lines = health.examine(page.services, page.guild.id)
    wrong = [
        f"{line.name}: {line.found} {line.remedy}".strip() for line in lines if line.state != "ok"
    ]
    if wrong:
        raise Refusal(" ".join(wrong))
    return page.done(_("StreamElements is set up correctly."))


@PAGES.post("decide", shows=connection)
def decide(page: Page) -> Response:
    """Settle a change of points whose outcome is unclear."""
    number = whole_number(page.form, "number", _("Number"))
    applied, login = page.form.get("applied") == "yes", page.form.get("login", "")
    purpose = page.run(actions.decide, number, applied=applied, login=login)
    text = _("Marked as applied: {purpose}.") if applied else _("Marked as not applied: {purpose}.")
    return page.done(text.format(purpose=purpose))


def setup(page: Page) -> list[SetupStep]:
    """For the checklist."""
    url, hint = page.url_of(PAGES, connection), _("If viewers have points at StreamElements.")
    return [account_step(page, actions.ACCOUNT, f"{url}#account-title", 55, hint)]
