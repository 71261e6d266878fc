"""Names of games, fuzzy search, and import files. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rapidfuzz import fuzz, process

from core.kit.tables import Column, Table, read_table
from core.kit.text import clean

MAX_TITLE = 80
"""Real titles have fewer than 50 characters."""
MAX_ALIASES = 20
MOST_GAMES = 20_000
"""In one file; a server that imports several can have more."""

SURE = 88
"""How similar a name must be to count as a typo, from 0 to 100."""
LIKELY = 70
"""How similar a name must be to be suggested."""
_CLEARLY = 3
"""By how much it must be more similar than to any other game."""
_FEWEST = 5
"""Shorter names are too easily similar by chance."""

COLUMNS = ("title", "provider", "aliases", "banned")
_SEPARATOR = "|"
_TRUE = {"1", "yes", "true", "x", "banned"}


Found = Literal["known", "uncertain", "unknown"]
"""Whether a name means a game; `uncertain` if there is only a similar one."""


@dataclass(frozen=True, slots=True)
class Game:
    """A game of the catalogue.

    Attributes:
        aliases: other names for it.
        banned: viewers cannot request it.
        is_own: the server added or changed it; otherwise it comes from the starter list.
    """

    title: str
    provider: str = ""
    aliases: tuple[str, ...] = ()
    banned: bool = False
    is_own: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The title and the aliases, as they are compared; an article may be left out."""
        names = [fold_title(name) for name in (self.title, *self.aliases)]
        return tuple(dict.fromkeys((*names, *(name.removeprefix("the ") for name in names))))


@dataclass(frozen=True, slots=True)
class Match:
    """The result of a search by name.

    Attributes:
        title: the game's, or else what was typed.
        found: `uncertain` if there is a similar game, which is then `suggestion`.
    """

    title: str
    found: Found = "unknown"
    provider: str = ""
    banned: bool = False
    suggestion: str = ""


@lru_cache(maxsize=MOST_GAMES)
def fold_title(title: str) -> str:
    """The form in which names are compared: `Gonzo's Quest™` and `gonzos quest` are the same."""
    bare = _MARKS.sub("", title).casefold()
    if bare.isascii():
        return " ".join(_NO_LETTERS.split(bare)).strip() or clean(title).casefold()
    plain = unicodedata.normalize("NFKD", bare)
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(letters.split()) or clean(title).casefold()


_MARKS = re.compile("['’`´™®©]")
_NO_LETTERS = re.compile("[^a-z0-9]+")


class Index:
    """The games of a server, to be searched."""

    def __init__(self, starter: Iterable[Game], own: Iterable[Game] = ()) -> None:
        titles = {fold_title(game.title): game for game in (*starter, *own)}
        self.games = [titles[title] for title in sorted(titles)]
        self._titles = titles
        names = [game.names for game in self.games]
        self._by_name = {
            name: game for game, theirs in zip(self.games, names, strict=True) for name in theirs
        }
        self._by_name |= titles  # a title counts more than another game's alias
        self._names = list(self._by_name)
        self._texts = [
            "\n".join((*theirs, fold_title(game.provider)))
            for game, theirs in zip(self.games, names, strict=True)
        ]

    def get(self, name: str) -> Game | None:
        """The game with exactly this title or alias, whatever its case and marks."""
        return self._by_name.get(fold_title(name))

    def titled(self, title: str) -> Game | None:
        """The game with exactly this title."""
        return self._titles.get(fold_title(title))

    def find(self, typed: str) -> Match:
        """The best match of a typed name."""
        game = self.get(typed)
        if game is not None:
            return _known(game)
        folded = fold_title(typed)
        if len(folded) < _FEWEST:
            return Match(clean(typed))
        similar = process.extract(
            folded, self._names, scorer=fuzz.ratio, score_cutoff=LIKELY, limit=MAX_ALIASES
        )
        if not similar:
            return Match(clean(typed))
        name, score, _place = similar[0]
        best = self._by_name[name]
        others = [score for name, score, _place in similar if self._by_name[name] is not best]
        is_clear = score >= SURE and score - max(others, default=0) >= _CLEARLY
        if is_clear and _numbers(name) == _numbers(folded):
            return _known(best)
        return Match(clean(typed), "uncertain", suggestion=best.title)

    def search(self, text: str, *, only_banned: bool = False) -> list[Game]:
        """The games whose name or provider contains a text, by title."""
        folded = fold_title(text) if text.strip() else ""
        return [
            game
            for game, names in zip(self.games, self._texts, strict=True)
            if (game.banned or not only_banned) and folded in names
        ]


def _known(game: Game) -> Match:
    return Match(game.title, "known", game.provider, game.banned)


def _numbers(name: str) -> list[str]:
    return re.findall(r"\d+", name)


# -- files ----------------------------------------------------------------------------------------


_NO_TABLE = Table([], {}, [])

Problem = Literal["no_title", "too_long", "twice", "too_many"]


@dataclass(frozen=True, slots=True)
class GameFile:
    """A parsed file; `problems` are (line, problem) of the lines that were skipped."""

    games: Sequence[Game]
    problems: Sequence[tuple[int, Problem]] = ()
    table: Table = _NO_TABLE


_TITLES = "title game gamename slot slotname name spiel jeu juego jogo gioco игра"
_PROVIDERS = "provider studio developer vendor supplier anbieter hersteller proveedor"
_TITLE = Column("title", tuple(_TITLES.split()))
_PROVIDER = Column("provider", tuple(_PROVIDERS.split()), optional=True)
_ALIASES = Column("aliases", ("aliases", "alias", "othernames", "synonyms"), optional=True)
_BANNED = Column("banned", ("banned", "ban", "blocked", "gesperrt", "verboten"), optional=True)
READ = (_TITLE, _PROVIDER, _ALIASES, _BANNED)
"""The columns, as they are recognised."""


def read_file(text: str, chosen: Mapping[str, int] | None = None) -> GameFile:
    """Read a list with headings; without, it has a title in each line, then perhaps provider,
    aliases (with `|` between them) and whether it is banned."""
    table = read_table(text, READ, chosen, in_order=True)
    games: dict[str, Game] = {}
    problems: list[tuple[int, Problem]] = []
    for row in table.rows:
        title, provider, aliases, banned = (table.cell(row, one.name) for one in READ)
        if not title:
            problems.append((row.number, "no_title"))
        elif len(title) > MAX_TITLE or len(provider) > MAX_TITLE:
            problems.append((row.number, "too_long"))
        elif fold_title(title) in games:
            problems.append((row.number, "twice"))
        elif len(games) == MOST_GAMES:
            problems.append((row.number, "too_many"))
            break
        else:
            games[fold_title(title)] = Game(
                title, provider, split_aliases(aliases), banned.casefold() in _TRUE, is_own=True
            )
    return GameFile(list(games.values()), problems, table)


def split_aliases(text: str) -> tuple[str, ...]:
    """`a | b` as `("a", "b")`; none is longer than a title, and there are not too many."""
    names = dict.fromkeys(clean(one)[:MAX_TITLE] for one in text.split(_SEPARATOR))
    return tuple(name for name in names if name)[:MAX_ALIASES]


def join_aliases(aliases: Iterable[str]) -> str:
    """The opposite of `split_aliases`."""
    return f" {_SEPARATOR} ".join(aliases)


def to_cells(game: Game) -> tuple[str, ...]:
    """A line of a file, in the order of `COLUMNS`."""
    return game.title, game.provider, join_aliases(game.aliases), "yes" if game.banned else ""
