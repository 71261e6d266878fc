"""How games are found, and read from files."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.games.rules import (
    MAX_ALIASES,
    MAX_GAMES,
    MAX_TITLE_LENGTH,
    Game,
    Index,
    Match,
    fold_title,
    join_aliases,
    read_file,
    split_aliases,
    to_cells,
)
from core.games.starter import GAMES
from core.kit.text.cleaning import clean
from core.kit.text.tables import ColumnsUnclear

STARTER = Index(GAMES)


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("Gates of Olympus", "Gates of Olympus"),
        ("gates of olimpus", "Gates of Olympus"),
        ("GATES  OLYMPUS", "Gates of Olympus"),
        ("wanted dead or wild", "Wanted Dead or a Wild"),
        ("book of ded", "Book of Dead"),
        ("gonzos quest", "Gonzo's Quest"),
        ("Gonzo’s Quest™", "Gonzo's Quest"),
        ("deadwood rip", "Deadwood R.I.P."),
        ("dog house", "The Dog House"),
        ("the dog hause megaways", "The Dog House Megaways"),
        ("reactonz 2", "Reactoonz 2"),
    ],
)
def test_misspelt_games_are_found(typed: str, title: str) -> None:
    found = STARTER.find(typed)
    assert (found.title, found.found) == (title, "known")
    assert found.provider


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("sugar rush 100", "Sugar Rush 1000"),
        ("money train 5", "Money Train 2"),
        ("reactoonz 3", "Reactoonz 2"),
        ("jammin jars 3", "Jammin' Jars 2"),
    ],
)
def test_another_number_is_another_game(typed: str, suggestion: str) -> None:
    found = STARTER.find(typed)
    assert (found.title, found.found) == (typed, "uncertain")
    assert found.suggestion.rstrip(" 0123456789") == suggestion.rstrip(" 0123456789")


@pytest.mark.parametrize(
    "typed",
    [
        *("Starburst KEKW", "starburst kekw catJAM", "KEKW Starburst KEKW", "Starburst 🔥🔥 lol"),
        *("NetEnt Starburst", "Starburst by NetEnt", "starburst netent pls", "STARBURST PLEASE"),
        *(
            "can you play starbust please",
            "Stárbürst",
            "ＳＴＡＲＢＵＲＳＴ",
            "Ѕtаrburѕt",
            "St4rburst",
        ),
        *("s t a r b u r s t", "star-burst", "starbursttttt", "STAR BURST", "the Starburst slot"),
    ],
)
def test_words_around_a_game_do_not_matter(typed: str) -> None:
    found = STARTER.find(typed)
    assert (found.title, found.found) == ("Starburst", "known")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sweet bonanza winter edition", "Sweet Bonanza"),
        ("a very good sweet bonnanza day", "Sweet Bonanza"),
        ("starburstKEKWKEKW", "Starburst"),
        ("I think Book of Dead Book of Dead", "Book of Dead"),
        ("sweet bonanza 1000 nights", "Sweet Bonanza 1000"),
        ("Starburst 2", "Starburst"),
        ("starburst2", "Starburst"),
        ("sugar rush 2000", "Sugar Rush"),
        ("gates of olympus 1000 5", "Gates of Olympus 1000"),
        ("Ted x5", "Ted"),
        ("Book of Secrets Night", None),
        ("gates of hell", None),
    ],
)
def test_a_name_among_other_words_is_recognised(typed: str, meant: str | None) -> None:
    found = STARTER.find(typed)
    assert found.title == typed
    assert (found.meant.title if found.meant else None) == meant
    assert found.key == fold_title(meant or typed)


BANNED = Index(GAMES, [Game(title, banned=True) for title in ("Gates of Olympus", "Mental", "Ted")])
BETS = (
    *(
        "5€",
        "(2€)",
        "2 euro",
        "€1",
        "2$",
        "0.20",
        ",50",
        "50 cents",
        "20c",
        "bet 2",
        "2 bet",
        "@ 2€",
    ),
    *("EUR 2", "R$2", "2 per spin", "2,-", "2€ pls", "at 2", "@2"),
)


def test_a_known_title_is_never_caught_by_the_ban_of_another() -> None:
    for title in ("Mental 2", "Gates of Olympus 1000", "Sugar Rush 1000", "Fruit Party 2"):
        others = Index(GAMES, [replace(game, banned=True) for game in GAMES if game.title != title])
        for typed in (title, title.upper(), f"{title} 2€", title.replace(" ", "")):
            found = others.find(typed)
            assert (found.title, found.banned) == (title, False), typed


@pytest.mark.parametrize("bet", BETS)
@pytest.mark.parametrize("title", ["Gates of Olympus", "Mental", "Ted"])
def test_a_bet_around_a_game_does_not_matter(title: str, bet: str) -> None:
    for typed in (f"{title} {bet}", f"{bet} {title}"):
        found = BANNED.find(typed)
        assert (found.title, found.found, found.banned) == (title, "known", True), typed


@pytest.mark.parametrize("bet", ["2", "x5", "5x", "2k", "2€", "٥", "100"])
def test_an_amount_glued_to_a_game_does_not_lift_its_ban(bet: str) -> None:
    assert BANNED.find(f"Gates of Olympus{bet}").banned
    assert BANNED.find(f"gates of olimpus {bet}").banned


@given(
    st.sampled_from([game for game in GAMES if "$" not in game.title]), st.sampled_from(BETS[:14])
)
def test_every_game_is_found_before_a_bet(game: Game, bet: str) -> None:
    assert STARTER.find(f"{game.title} {bet}") == STARTER.find(game.title)


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        *((typed, "Gates of Olympus") for typed in ("Gates 0f Olympus", "Gates of 0lympus")),
        *((typed, "Gates of Olympus") for typed in ("Gatøs of Olympus", "G@t€s 0f Olympu$")),
        *((typed, "Gates of Olympus") for typed in ("🅶ates of Ꭴlympus", "ꓖꓮꓔꓰꓢ ꓳꓝ ꓳꓡꓬꓟꓑꓴꓢ")),
        *((typed, "Wanted Dead or a Wild") for typed in ("w4nt3d d34d 0r 4 w1ld",)),
        *(
            (typed, "Wanted Dead or a Wild")
            for typed in ("ᴡᴀɴᴛᴇᴅ ᴅᴇᴀᴅ ᴏʀ ᴀ ᴡɪʟᴅ", "W4nted Dead 0r a Wild 2€")
        ),
        *((typed, "Sugar Rush") for typed in ("5ugar Ru5h", "$ugar Rush")),
        *((typed, "Mental") for typed in ("M3nta1", "Menta1")),
        *(("🇹🇪🇩", "Ted"), ("5ugar Ru5h 1000", "Sugar Rush 1000"), ("Toro 7s", "Toro 7s")),
    ],
)
def test_disguised_games_are_found(typed: str, title: str) -> None:
    assert STARTER.find(typed).title == title


def test_a_disguised_game_among_other_words_keeps_its_ban() -> None:
    assert BANNED.find("Starburst Gates 0f 0lympus").banned
    assert BANNED.find("M3ntal please 2").banned


@pytest.mark.parametrize("typed", ["xyz", "gates of hell", "雪のスロット", "🎰", "", "boo"])
def test_unknown_games_are_taken_as_typed(typed: str) -> None:
    assert STARTER.find(typed) == Match(typed)


def test_name_like_two_games_is_uncertain() -> None:
    index = Index([Game("Dragon Fire"), Game("Dragon Fare")])
    assert index.find("dragon fyre").found == "uncertain"
    assert index.find("dragon fire").title == "Dragon Fire"


def test_own_game_replaces_the_one_of_the_list() -> None:
    own = Game("gates of OLYMPUS", "Somebody", ("goo", "zeus"), banned=True, is_own=True)
    index = Index(GAMES, [own])
    assert len(index.games) == len(GAMES)
    assert index.find("zeus") == Match("gates of OLYMPUS", "known", "Somebody", banned=True)
    assert index.find("gates of olimpus").banned
    assert index.search("", only_banned=True) == [own]


def test_title_counts_more_than_an_alias() -> None:
    index = Index([Game("Zeus"), Game("Gates of Olympus", aliases=("zeus",))])
    assert index.find("zeus").title == "Zeus"


def test_search_finds_titles_aliases_and_providers() -> None:
    assert [game.title for game in STARTER.search("olympus 1000")] == ["Gates of Olympus 1000"]
    assert {game.provider for game in STARTER.search("hacksaw")} == {"Hacksaw Gaming"}
    assert len(STARTER.search(" ")) == len(GAMES)


def test_starter_list_has_no_game_twice_and_no_empty_part() -> None:
    assert len({fold_title(game.title) for game in GAMES}) == len(GAMES) >= 300
    assert all(
        game.title and game.provider and len(game.title) <= MAX_TITLE_LENGTH for game in GAMES
    )


@given(st.sampled_from(GAMES))
def test_every_game_is_found_by_its_title(game: Game) -> None:
    assert STARTER.find(f"  {game.title.upper()} ! ").title == game.title


@given(st.text(max_size=100))
def test_any_text_gives_a_match(text: str) -> None:
    found = STARTER.find(text)
    assert found.found == "known" or found.title == clean(text)


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("headings", ["title{0}provider{0}aliases{0}banned\n", ""])
def test_files_are_read_with_any_separator(separator: str, headings: str) -> None:
    text = headings.format(separator) + separator.join(["Wanted", "Hacksaw", "wdoaw | w", "yes"])
    file = read_file(f"\ufeff{text}\n\nPlain\n")
    assert file.games == [
        Game("Wanted", "Hacksaw", ("wdoaw", "w"), banned=True, is_own=True),
        Game("Plain", is_own=True),
    ]
    assert file.problems == []


def test_lines_without_a_game_are_named() -> None:
    file = read_file("Wanted,a\n,Provider\nWANTED!,b\n" + "x" * (MAX_TITLE_LENGTH + 1))
    assert [game.title for game in file.games] == ["Wanted"]
    assert file.problems == [(2, "no_title"), (3, "twice"), (4, "too_long")]


def test_too_many_games_are_cut() -> None:
    file = read_file("\n".join(f"Game {number}" for number in range(MAX_GAMES + 5)))
    assert (len(file.games), file.problems) == (MAX_GAMES, [(MAX_GAMES + 1, "too_many")])


def test_quoted_titles_keep_their_separators() -> None:
    (game,) = read_file('title,provider\n"Crime, Inc.",Somebody').games
    assert (game.title, game.provider) == ("Crime, Inc.", "Somebody")


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        games = read_file(text).games
    except ColumnsUnclear:
        return
    for game in games:
        assert game.title == clean(game.title) != ""


def test_exported_game_is_read_again() -> None:
    game = Game("Wanted", "Hacksaw", ("wdoaw", "w"), banned=True, is_own=True)
    assert read_file(";".join(to_cells(game))).games == [game]


def test_aliases_are_few_and_each_once() -> None:
    assert split_aliases(" a |b|| a ") == ("a", "b")
    assert len(split_aliases(join_aliases(str(number) for number in range(99)))) == MAX_ALIASES
