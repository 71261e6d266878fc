"""Names of games, fuzzy search, and import files. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from rapidfuzz import fuzz, process

from core.kit.text.amounts import CURRENCY
from core.kit.text.cleaning import clean, looks_like_emote
from core.kit.text.tables import Column, Table, read_table

MAX_TITLE_LENGTH = 80
"""Real titles have fewer than 50 characters."""
MAX_ALIASES = 20
MAX_GAMES = 20_000
"""Per file; a server that imports several can have more."""

MIN_MATCH_SCORE = 88
"""Minimum similarity for a typo, from 0 to 100."""
MIN_SUGGESTION_SCORE = 70
"""Minimum similarity for a suggestion."""
_MIN_SCORE_LEAD = 3
"""Minimum lead over the second most similar game."""
_MIN_FUZZY_LENGTH = 5
"""Shorter names are often similar by chance."""
_MIN_GLUED_LENGTH = 8
_MAX_WORDS = 10
"""Minimum length of a name that is searched among other words."""

COLUMNS = ("title", "provider", "aliases", "banned")
_SEPARATOR = "|"
_TRUE = {"1", "yes", "true", "x", "banned"}


Found = Literal["known", "uncertain", "unknown"]
"""Whether a name matches a game; `uncertain` if only a similar one was found."""


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
        """Title and aliases in the form used for comparison, also without a leading article."""
        names = [fold_title(name) for name in (self.title, *self.aliases)]
        return tuple(dict.fromkeys((*names, *(name.removeprefix("the ") for name in names))))


@dataclass(frozen=True, slots=True)
class Match:
    """The result of a search by name.

    Attributes:
        title: the game's title, or else the typed text.
        found: `uncertain` if there is a similar game, which is then `suggestion`.
        banned: whether the matched game, or one named among other words, is banned.
        meant: the game whose whole name is among other words; `uncertain` if a number after it may
            make it another game.
    """

    title: str
    found: Found = "unknown"
    provider: str = ""
    banned: bool = False
    suggestion: str = ""
    meant: "Match | None" = None

    @property
    def key(self) -> str:
        """A key shared by all texts that match the same game."""
        return fold_title((self.meant or self).title)


@lru_cache(maxsize=MAX_GAMES)
def fold_title(title: str) -> str:
    """The form in which names are compared: `Gonzo's Quest™` and `gonzos quest` are the same, and
    so are letters that look the same."""
    bare = _MARKS.sub("", title).casefold()
    if not bare.isascii():
        plain = "".join(map(_latin, unicodedata.normalize("NFKD", bare).casefold()))
        plain = _MARKS.sub("", "".join(c for c in plain if not unicodedata.combining(c)))
        bare = plain.translate(_LOOKALIKES) if _LATIN.search(plain) else plain
    bare = _INSIDE.sub(lambda found: found[0].translate(_LEET), bare)
    return " ".join(_NO_LETTERS.sub(" ", bare).split()) or clean(title).casefold()


_MARKS = re.compile("['’`´™®©]")
_NO_LETTERS = re.compile(r"[\W_]+")
_LOOSE = re.compile(r"(?:\bx)?\d+[kmx]?\b")
"""A number that may be a bet, such as `2`, `x5` and `2k`."""
_RUNS = re.compile(r"([a-z])\1{2,}")
_LATIN = re.compile("[a-z]")
_LOOKALIKES = str.maketrans(
    "аеорсухіѕјкмнтвԁԛԝһӏпгѵьүαεοριυκνχτηγωσօոսհց",
    "aeopcyxisjkmhtbdqwhlnrvbyaeopiukvxtnywoonuhg",
)
"""Cyrillic, Greek and Armenian letters in words of Latin ones."""
_SHAPES = str.maketrans(
    "ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏁᎤᏢᏒᏚᎢᏌᏙᎳᎽᏃꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ",
    "abcdeghijklmnoprstuvwyzabcdefghijklmnoprstuvwxyz",
)
"""Letters of scripts that no game title uses."""
_NAMED = re.compile(
    "(?:NEGATIVE .*)?(?:LATIN|REGIONAL INDICATOR) .*LETTER (?:.* )?([A-Z])(?: WITH .*)?"
)


@lru_cache(maxsize=MAX_GAMES)
def _latin(char: str) -> str:
    """The Latin letter behind a styled form such as a small capital; otherwise the letter
    itself."""
    if char.isascii():
        return char
    named = _NAMED.fullmatch(unicodedata.name(char, ""))
    return named[1].casefold() if named else char.translate(_SHAPES)


_INSIDE = re.compile("(?<=[a-z])[013457@$!]+(?=[a-z])")
_LEET = str.maketrans("01345678@$!€|", "oieasgtbasiel")
_LEET_L = {**_LEET, **str.maketrans("1!|", "lll")}
_DISGUISED = re.compile(r"\S*[^\W\d_]\S*")
"""A word with a letter."""

_NUMBER = r"[.,]?\d[\d.,']{0,12}[km]?"
_BET = "bet ?size|bets?|stakes?|einsatz|wette|mise|apuesta|aposta|puntata|stawka|@|at|per spin"
_MONEY = re.compile(
    rf"(?:(?<![^\W\d_])|(?![a-z]))(?:{CURRENCY}) ?{_NUMBER}"
    rf"|{_NUMBER} ?(?:{CURRENCY})(?:(?<![a-z])|(?![a-z]))(?! ?\d)"
    r"|\d[\d.,]{0,12} ?(?:¢|(?:c|ct|cts|cents?|centimes|centavos|p|pence)\b)"
    rf"|(?:\b|(?=@))(?:{_BET})(?: of)?[ :=]*{_NUMBER}"
    r"|\d[\d.,]{0,12}(?: (?:bets?|stakes?|einsatz)\b(?! ?\d)| ?(?:/|per|a) ?spins?\b)"
    r"|(?<!\d)(?:\d{0,12}[.,]\d{1,2}(?!\d)|\d{1,12}[.,]-+)",
    re.IGNORECASE,
)
"""A bet that cannot be part of a name."""

_POLITE = """
    a an and by can could do for from game games go i id in it let lets like me my next now of on
    one play pls plz please pliz slot slots some spin than thanks that the this thx to try ty u us
    wanna want we you your bitte spiel spielen mal danke favor por jugar juega svp merci stp prosze
    lol lmao xd gg ez kek kekw lul lulw omegalul pog pogu pogchamp poggers monkas catjam pepega
    sadge copium kappa hype gamba aware clueless letsgo bet bets stake einsatz with at mit"""
_NOISE = frozenset(_POLITE.split())
"""Words around a game's name that do not change which game is meant."""


class Index:
    """Search index of a server's games."""

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
        self._glued = {name.replace(" ", ""): game for name, game in self._by_name.items()}
        self._texts = [
            "\n".join((*theirs, fold_title(game.provider)))
            for game, theirs in zip(self.games, names, strict=True)
        ]
        providers = {fold_title(game.provider) for game in self.games if game.provider}
        firsts = {name.split()[0] for name in providers}
        self._providers = providers | {first for first in firsts if len(first) >= _MIN_FUZZY_LENGTH}
        self._found: dict[str, Match] = {}

    def get(self, name: str) -> Game | None:
        """The game with exactly this title or alias, whatever its case and marks."""
        return self._by_name.get(fold_title(name))

    def titled(self, title: str) -> Game | None:
        """The game with exactly this title."""
        return self._titles.get(fold_title(title))

    def find(self, typed: str) -> Match:
        """The best match of a typed name, despite typos, emotes, and filler words such as the
        provider."""
        found = self._found.get(typed)
        if found is None:
            if len(self._found) >= MAX_GAMES:
                self._found.clear()
            found = self._found[typed] = self._find(typed)
        return found

    def _find(self, typed: str) -> Match:
        """The best of what the text, the text without a bet, and the text with letters for digits
        may mean."""
        exact = self._exact(typed)
        text = unicodedata.normalize("NFKC", typed)
        bare = _MONEY.sub(" ", text)
        if not any(map(str.isalpha, bare)):
            bare = text
        if exact and (bare == text or any(map(_MONEY.search, (exact.title, *exact.aliases)))):
            return _known(exact)
        found = self._read(bare)
        if found.found == "known":
            return found
        if exact or (exact := self._exact(bare.translate(_LEET))):
            return _known(exact)
        matches = [found]
        letters = _DISGUISED.sub(lambda word: word[0].rstrip("!").translate(_LEET), bare)
        if letters != _DISGUISED.sub(lambda word: word[0].rstrip("!"), bare):
            if exact := self._exact(letters) or self._exact(bare.translate(_LEET_L)):
                return _known(exact)
            matches += [self._read(variant) for variant in (letters, bare.translate(_LEET))]
        return self._as_typed(typed, matches)

    def _as_typed(self, typed: str, matches: Sequence[Match]) -> Match:
        """The match of a text, or a suggestion."""
        found = [_uncertain(match) if match.found == "known" else match for match in matches]
        best = max(
            found,
            key=lambda match: (
                match.banned,
                len(match.meant.title if match.meant else ""),
                match.suggestion > "",
            ),
        )
        return replace(best, title=clean(typed))

    def _exact(self, typed: str) -> Game | None:
        folded = fold_title(typed)
        return self._by_name.get(folded) or self._glued.get(folded.replace(" ", ""))

    def _read(self, typed: str) -> Match:
        game = self._exact(typed)
        if game is not None:
            return _known(game)
        folded = _RUNS.sub(r"\1", fold_title(typed))
        words = folded.split()
        best, is_clear = self._similar(folded)
        if best and is_clear:
            return _known(best)
        bare = self._without_noise(typed, words)
        if bare and bare != folded:
            again, is_clear = self._similar(bare)
            game = self._by_name.get(bare) or (again if is_clear else None)
            if game is not None:
                return _known(game)
        meant = self._contained(words) if len(folded) <= 2 * MAX_TITLE_LENGTH else None
        if meant is not None:
            return Match(clean(typed), "uncertain", "", meant.banned, meant.title, _known(meant))
        meant = self._numbered(typed, words)
        suggestion = best or meant
        return Match(
            clean(typed),
            "uncertain" if suggestion else "unknown",
            banned=meant is not None and meant.banned,
            suggestion=suggestion.title if suggestion else "",
            meant=replace(_known(meant), found="uncertain") if meant else None,
        )

    def _numbered(self, typed: str, words: list[str]) -> Game | None:
        """The game next to a number, which may be a bet or part of another game's name."""
        text = " ".join(words)
        bare = _LOOSE.sub(" ", text)
        if bare == text or len(text) > 2 * MAX_TITLE_LENGTH:
            return None
        for some in (words, bare.split()):
            if found := self._contained(some, any_number=True):
                return found
        return self._by_name.get(self._without_noise(typed, bare.split()))

    def _similar(self, folded: str) -> tuple[Game | None, bool]:
        """The most similar game, and whether it is meant for certain."""
        if len(folded) < _MIN_FUZZY_LENGTH:
            return None, False
        similar = process.extract(
            folded,
            self._names,
            scorer=fuzz.ratio,
            score_cutoff=MIN_SUGGESTION_SCORE,
            limit=MAX_ALIASES,
        )
        if not similar:
            return None, False
        name, score, _place = similar[0]
        best = self._by_name[name]
        others = [score for name, score, _place in similar if self._by_name[name] is not best]
        is_clear = score >= MIN_MATCH_SCORE and score - max(others, default=0) >= _MIN_SCORE_LEAD
        return best, is_clear and _numbers(name) == _numbers(folded)

    def _without_noise(self, typed: str, words: list[str]) -> str:
        """The text without provider, polite words and emotes at its start and end."""
        loud = {fold_title(word) for word in typed.split() if looks_like_emote(word)}
        noise = _NOISE if typed.isupper() else _NOISE | loud
        first, last = 0, len(words)
        while first < last and (skipped := self._noise_at(words[first:last], noise)):
            first += skipped
        while first < last and (skipped := self._noise_at(words[first:last], noise, at_end=True)):
            last -= skipped
        return " ".join(words[first:last])

    def _noise_at(self, words: list[str], noise: frozenset[str], *, at_end: bool = False) -> int:
        """How many words at the beginning, or at the end, are noise."""
        for count in range(min(_MAX_WORDS, len(words)), 0, -1):
            some = words[-count:] if at_end else words[:count]
            if " ".join(some) in self._providers or (count == 1 and some[0] in noise):
                return count
        return 0

    def _contained(self, words: list[str], *, any_number: bool = False) -> Game | None:
        """The game with the longest name among other words, perhaps misspelt. A number behind it
        makes it another game, unless there may be any."""
        spans = [
            (first, last)
            for first in range(len(words))
            for last in range(first + 1, min(first + _MAX_WORDS, len(words)) + 1)
            if any_number or last == len(words) or not words[last].isdecimal()
        ]
        spans.sort(key=lambda span: span[0] - span[1])
        texts = [" ".join(words[first:last]) for first, last in spans]
        for text in texts:
            if len(text) >= _MIN_FUZZY_LENGTH and text in self._by_name:
                return self._by_name[text]
        near = process.extract(
            " ".join(words),
            self._names,
            scorer=fuzz.partial_ratio,
            score_cutoff=MIN_MATCH_SCORE,
            limit=MAX_ALIASES,
        )
        names = sorted((name for name, _s, _p in near if len(name) > _MIN_FUZZY_LENGTH), key=len)
        for name in reversed(names):
            if any(
                fuzz.ratio(text, name) >= MIN_MATCH_SCORE and _numbers(text) == _numbers(name)
                for text in texts
            ):
                return self._by_name[name]
        return self._glued_in("".join(words), any_number=any_number)

    def _glued_in(self, text: str, *, any_number: bool) -> Game | None:
        """The same where there are no spaces between."""
        found = [name for name in self._glued if len(name) >= _MIN_GLUED_LENGTH and name in text]
        if not found:
            return None
        longest = max(found, key=len)
        is_whole = any_number or not text.partition(longest)[2][:1].isdecimal()
        return self._glued[longest] if is_whole else None

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


def _uncertain(known: Match) -> Match:
    """Whether it is only similar because of look-alike letters."""
    return Match(known.title, "uncertain", "", known.banned, known.title, known)


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
"""The detected columns."""


def read_file(text: str, chosen: Mapping[str, int] | None = None) -> GameFile:
    """Parse a list. Without headings, the columns are title, and optionally provider, aliases
    (separated by `|`) and whether it is banned."""
    table = read_table(text, READ, chosen, in_order=True)
    games: dict[str, Game] = {}
    problems: list[tuple[int, Problem]] = []
    for row in table.rows:
        title, provider, aliases, banned = (table.cell(row, column.name) for column in READ)
        if not title:
            problems.append((row.number, "no_title"))
        elif len(title) > MAX_TITLE_LENGTH or len(provider) > MAX_TITLE_LENGTH:
            problems.append((row.number, "too_long"))
        elif fold_title(title) in games:
            problems.append((row.number, "twice"))
        elif len(games) == MAX_GAMES:
            problems.append((row.number, "too_many"))
            break
        else:
            games[fold_title(title)] = Game(
                title, provider, split_aliases(aliases), banned.casefold() in _TRUE, is_own=True
            )
    return GameFile(list(games.values()), problems, table)


def split_aliases(text: str) -> tuple[str, ...]:
    """`a | b` as `("a", "b")`; none is longer than a title, and there are not too many."""
    names = dict.fromkeys(clean(alias)[:MAX_TITLE_LENGTH] for alias in text.split(_SEPARATOR))
    return tuple(name for name in names if name)[:MAX_ALIASES]


def join_aliases(aliases: Iterable[str]) -> str:
    """The opposite of `split_aliases`."""
    return f" {_SEPARATOR} ".join(aliases)


def to_cells(game: Game) -> tuple[str, ...]:
    """A line of a file, in the order of `COLUMNS`."""
    return game.title, game.provider, join_aliases(game.aliases), "yes" if game.banned else ""
