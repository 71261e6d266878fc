"""The games on the dashboard: search, ban, add, import and export."""

from flask import Response, request

from core.games import actions
from core.games.rules import COLUMNS, READ, GameFile, join_aliases, read_file, to_cells
from core.kit.discord.paginator import nearest_page
from core.kit.errors import Refusal
from core.kit.text.tables import ColumnsUnclear
from core.kit.text.uploads import chosen_columns, sent_text
from core.kit.text.words import _, plural
from core.kit.web.guild_pages import GuildPages, Page, csv_response

PAGES = GuildPages("games", lambda: _("Games"), icon="device-gamepad-2", order=52)

PER_PAGE = 50


@PAGES.get()
def games(page: Page) -> str:
    """The catalogue."""
    asked = {"name": request.args.get("name", ""), "banned": request.args.get("banned", "")}
    index = page.run(actions.get_index)
    found = index.search(asked["name"], only_banned=bool(asked["banned"]))
    number, pages = nearest_page(page.number("page"), len(found), PER_PAGE)
    return page.render(
        "games/games.html",
        games=found[(number - 1) * PER_PAGE : number * PER_PAGE],
        count=len(found),
        asked=asked,
        number=number,
        pages=pages,
        join_aliases=join_aliases,
    )


@PAGES.get("games.csv")
def export(page: Page) -> Response:
    """Every game, as a file that can be imported again."""
    index = page.run(actions.get_index)
    return csv_response("games", COLUMNS, map(to_cells, index.games))


@PAGES.post("save", shows=games)
def save(page: Page) -> Response:
    """Add or change one."""
    texts = (page.form.get(name, "") for name in COLUMNS[:3])
    game = page.run(actions.save_game, *texts)
    return page.done(_("{title} saved.").format(title=game.title))


@PAGES.post("<any(ban, unban):what>", shows=games)
def ban(page: Page, what: str) -> Response:
    """Ban or unban a game."""
    game = page.run(actions.ban_game, page.form.get("title", ""), banned=what == "ban")
    says = _("{title} banned.") if game.banned else _("{title} allowed again.")
    return page.done(says.format(title=game.title), to=games)


@PAGES.post("remove", shows=games)
def remove(page: Page) -> Response:
    """Remove or reset a game."""
    game = page.run(actions.remove_game, page.form.get("title", ""))
    return page.done(_("{title} removed.").format(title=game.title))


@PAGES.post("preview", shows=games)
def preview(page: Page) -> str:
    """The preview of an import."""
    text = sent_text("text")
    try:
        found = page.run(actions.preview_import, _read(text))
    except ColumnsUnclear as unclear:
        return page.render("games/preview.html", preview=None, table=unclear.table, text=text)
    return page.render("games/preview.html", preview=found, table=found.file.table, text=text)


@PAGES.post("import", shows=games)
def import_file(page: Page) -> Response:
    """Import the previewed file."""
    done = page.run(actions.import_games, _read(page.form.get("text", "")))
    count = len(done.new) + len(done.changed)
    return page.done(plural("{count} game imported.", "{count} games imported.", count))


def _read(text: str) -> GameFile:
    file = read_file(text, chosen_columns(READ))
    if not file.games:
        raise Refusal(_("No games found in the file."), _("Every line needs at least a title."))
    return file
