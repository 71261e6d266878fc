"""Finding and changing the games of a server. Every action is one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from core.games.records import Catalogue, OwnGame
from core.games.rules import (
    MAX_TITLE_LENGTH,
    Game,
    GameFile,
    fold_title,
    split_aliases,
)
from core.games.rules import Index as Index  # re-exported: these actions return it
from core.games.rules import Match as Match
from core.games.starter import GAMES
from core.guilds.actions import audit
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.cleaning import clean
from core.kit.text.words import _

MAX_INDEXES = 100
"""Number of servers whose games are cached."""

_indexes: dict[int, tuple[str, Index]] = {}
_VERSION = select(Catalogue.version)


@cache
def _starter() -> Index:
    return Index(GAMES)


def get_index(work: Work) -> Index:
    """The server's games, cached until they change."""
    version = work.scalar(_VERSION)
    if version is None:
        return _starter()
    kept = _indexes.get(work.guild_id)
    if kept is None or kept[0] != version:
        kept = version, Index(GAMES, map(_game, work.scalars(select(OwnGame))))
        if len(_indexes) >= MAX_INDEXES:
            _indexes.clear()
        _indexes[work.guild_id] = kept
    return kept[1]


def _game(own: OwnGame) -> Game:
    return Game(own.title, own.provider, tuple(own.aliases), own.banned, is_own=True)


def find_game(work: Work, typed: str) -> Match:
    """The result of a search."""
    return get_index(work).find(typed)


@dataclass(frozen=True, slots=True)
class Overview:
    """How many games a server has."""

    games: int
    own: int
    banned: Sequence[Game]


def get_overview(work: Work) -> Overview:
    """The number of games, and the banned games."""
    index = get_index(work)
    own = sum(game.is_own for game in index.games)
    return Overview(len(index.games), own, index.search("", only_banned=True))


# -- changes --------------------------------------------------------------------------------------


def save_game(work: Work, title: str, provider: str = "", aliases: str = "") -> Game:
    """Add a game, or change its provider and aliases.

    Raises:
        Refusal: no title, or too long.
    """
    title, provider = clean(title), clean(provider)
    if not title:
        raise Refusal(_("Enter a title."))
    if max(len(title), len(provider)) > MAX_TITLE_LENGTH:
        raise Refusal(_("Use at most {maximum} characters.").format(maximum=MAX_TITLE_LENGTH))
    work.lock(Lock.GAMES)
    before = get_index(work).titled(title)
    banned = before is not None and before.banned
    game = Game(title, provider, split_aliases(aliases), banned, is_own=True)
    _store(work, [game])
    audit(work, "games.save", title)
    return game


def add_alias(work: Work, title: str, alias: str) -> Game:
    """Add an alias for a game.

    Raises:
        Refusal: there is no such game, or the name already belongs to a game.
    """
    work.lock(Lock.GAMES)
    game, alias = _existing(work, title), clean(alias)
    taken = get_index(work).get(alias)
    if not alias or len(alias) > MAX_TITLE_LENGTH:
        raise Refusal(
            _("Enter an alias of 1 to {maximum} characters.").format(maximum=MAX_TITLE_LENGTH)
        )
    if taken is not None:
        raise Refusal(
            _("{alias} is already an alias of {title}.").format(alias=alias, title=taken.title)
        )
    return save_game(work, game.title, game.provider, "|".join((*game.aliases, alias)))


def ban_game(work: Work, title: str, *, banned: bool = True) -> Game:
    """Ban or unban a game. A game that is not in the list is added.

    Raises:
        Refusal: nothing would change, or the name is empty or too long.
    """
    work.lock(Lock.GAMES)
    match = find_game(work, title)
    known = get_index(work).get(match.title)
    if not clean(title) or len(match.title) > MAX_TITLE_LENGTH:
        raise Refusal(
            _("Enter a game of 1 to {maximum} characters.").format(maximum=MAX_TITLE_LENGTH)
        )
    if (known is not None and known.banned) == banned:
        says = _("{title} is already banned.") if banned else _("{title} is not banned.")
        raise Refusal(says.format(title=match.title))
    game = known or Game(match.title)
    game = Game(game.title, game.provider, game.aliases, banned, is_own=True)
    _store(work, [game])
    audit(work, "games.ban" if banned else "games.unban", game.title)
    return game


def remove_game(work: Work, title: str) -> Game:
    """Remove a game that the server added, or reset a changed game of the starter list.

    Raises:
        Refusal: the server did not add or change it.
    """
    work.lock(Lock.GAMES)
    game = _existing(work, title)
    if not game.is_own:
        raise Refusal(
            _("{title} is a built-in game, so it can't be removed.").format(title=game.title),
            _("Ban it if viewers shouldn't request it."),
        )
    work.execute(delete(OwnGame).where(OwnGame.folded_title == fold_title(game.title)))
    _renew(work)
    audit(work, "games.remove", game.title)
    return game


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """Changes an import would make."""

    file: GameFile
    new: Sequence[Game]
    changed: Sequence[Game]


def preview_import(work: Work, file: GameFile) -> ImportPreview:
    """Compare a file with the server's games."""
    index = get_index(work)
    new = [game for game in file.games if index.titled(game.title) is None]
    changed = [
        game
        for game in file.games
        if (known := index.titled(game.title)) is not None and _texts(known) != _texts(game)
    ]
    return ImportPreview(file, new, changed)


def import_games(work: Work, file: GameFile) -> ImportPreview:
    """Add and update games from a file; no game is removed.

    Raises:
        Refusal: there is nothing to add or to change.
    """
    work.lock(Lock.GAMES)
    preview = preview_import(work, file)
    games = [*preview.new, *preview.changed]
    if not games:
        raise Refusal(_("The file contains nothing new."), _("Every line needs at least a title."))
    _store(work, games)
    audit(work, "games.import", str(len(games)))
    return preview


def _texts(game: Game) -> tuple[object, ...]:
    return game.title, game.provider, game.aliases, game.banned


def _existing(work: Work, title: str) -> Game:
    game = get_index(work).get(find_game(work, title).title)
    if game is None:
        raise Refusal(_("There is no game called {title}.").format(title=clean(title)))
    return game


def _store(work: Work, games: Sequence[Game]) -> None:
    rows = [
        {
            "folded_title": fold_title(game.title),
            "title": game.title,
            "provider": game.provider,
            "aliases": list(game.aliases),
            "banned": game.banned,
        }
        for game in games
    ]
    new = insert(OwnGame)
    names = ("title", "provider", "aliases", "banned")
    same = [OwnGame.guild_id, OwnGame.folded_title]
    change = {name: new.excluded[name] for name in names}
    work.execute(new.on_conflict_do_update(index_elements=same, set_=change), rows)
    _renew(work)


def _renew(work: Work) -> None:
    version = str(uuid4())
    new = insert(Catalogue).values(version=version)
    work.execute(
        new.on_conflict_do_update(index_elements=[Catalogue.guild_id], set_={"version": version})
    )
