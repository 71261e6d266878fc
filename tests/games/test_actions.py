"""Changing the games of a server, on a real database."""

import pytest
from sqlalchemy import Connection

from core.games import actions
from core.games.rules import read_file
from core.games.starter import GAMES
from core.kit.database.connection import Database
from core.kit.database.work import Work
from core.kit.errors import Refusal
from tests.clean import cleaned
from tests.slot_calls.scene import Act, Guild, all_at_once


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> Guild:
    return Guild(tx, guild_id)


@pytest.fixture
def other(tx: Connection, other_guild_id: int) -> Guild:
    return Guild(tx, other_guild_id)


def count(guild: Guild) -> int:
    return guild.do(actions.get_overview).games


def test_added_game_is_found_in_this_server_only(guild: Guild, other: Guild) -> None:
    guild.do(actions.save_game, " My  Game ", "Me", "mg | my")
    assert guild.do(actions.find_game, "mg").title == "My Game"
    assert guild.do(actions.find_game, "my gamee").title == "My Game"
    assert other.do(actions.find_game, "my game").found == "unknown"
    assert (count(guild), count(other)) == (len(GAMES) + 1, len(GAMES))
    assert guild.audited() == ["games.save My Game"]


def test_ban_holds_until_it_is_ended(guild: Guild, other: Guild) -> None:
    assert guild.do(actions.ban_game, "gates of olimpus").title == "Gates of Olympus"
    assert guild.do(actions.find_game, "Gates of Olympus").banned
    assert not other.do(actions.find_game, "Gates of Olympus").banned
    with pytest.raises(Refusal, match="already banned"):
        guild.do(actions.ban_game, "Gates of Olympus")
    guild.do(actions.ban_game, "Gates of Olympus", banned=False)
    assert not guild.do(actions.find_game, "Gates of Olympus").banned
    with pytest.raises(Refusal, match="not banned"):
        guild.do(actions.ban_game, "Gates of Olympus", banned=False)


def test_unknown_game_can_be_banned(guild: Guild) -> None:
    guild.do(actions.ban_game, "Some Scam Slot")
    assert guild.do(actions.find_game, "some scam slto").banned
    assert [game.title for game in guild.do(actions.get_overview).banned] == ["Some Scam Slot"]


def test_change_keeps_the_ban(guild: Guild) -> None:
    guild.do(actions.ban_game, "Mental")
    guild.do(actions.save_game, "Mental", "Nolimit", "m")
    assert guild.do(actions.find_game, "mental").banned


def test_alias_is_added_once_and_for_one_game(guild: Guild) -> None:
    guild.do(actions.add_alias, "wanted dead or a wild", "wdoaw")
    assert guild.do(actions.find_game, "WDOAW").title == "Wanted Dead or a Wild"
    for alias in ("wdoaw", "Mental"):
        with pytest.raises(Refusal, match="already an alias"):
            guild.do(actions.add_alias, "Chaos Crew", alias)
    with pytest.raises(Refusal, match="no game called"):
        guild.do(actions.add_alias, "nothing like it", "x")
    with pytest.raises(Refusal, match="1 to 80"):
        guild.do(actions.add_alias, "Chaos Crew", " ")


def test_removing_brings_back_the_list(guild: Guild) -> None:
    guild.do(actions.save_game, "Mental", "Wrong")
    guild.do(actions.save_game, "My Game")
    guild.do(actions.remove_game, "my game")
    guild.do(actions.remove_game, "mental")
    assert guild.do(actions.find_game, "mental").provider == "Nolimit City"
    assert count(guild) == len(GAMES)
    with pytest.raises(Refusal, match="built-in game"):
        guild.do(actions.remove_game, "mental")


@pytest.mark.parametrize("title", ["", "  ", "x" * 81])
def test_bad_titles_are_refused(guild: Guild, title: str) -> None:
    for action in (actions.save_game, actions.ban_game):
        with pytest.raises(Refusal):
            guild.do(action, title)
    assert count(guild) == len(GAMES)


def test_import_adds_and_changes_and_says_so_before(guild: Guild) -> None:
    file = read_file("My Game,Me\nMental,Other,,yes\nBook of Dead,Play'n GO")
    preview = guild.do(actions.preview_import, file)
    assert [game.title for game in preview.new] == ["My Game"]
    assert [game.title for game in preview.changed] == ["Mental"]
    assert count(guild) == len(GAMES)
    guild.do(actions.import_games, file)
    assert count(guild) == len(GAMES) + 1
    assert guild.do(actions.find_game, "mental").banned
    assert guild.audited() == ["games.import 2"]
    with pytest.raises(Refusal, match="nothing new"):
        guild.do(actions.import_games, file)


def test_games_are_read_once_until_they_change(guild: Guild) -> None:
    def index(work: Work) -> object:
        return actions.get_index(work)

    guild.do(actions.save_game, "My Game")
    before = guild.do(index)
    assert guild.do(index) is before
    guild.do(actions.save_game, "Second Game")
    assert guild.do(index) is not before


def test_changes_at_the_same_time_are_all_kept(database: Database, guild_id: int) -> None:
    acts: list[tuple[int, Act]] = [
        (guild_id, lambda guild, n=n: guild.do(actions.add_alias, "Mental", f"alias{n}"))  # type: ignore[misc]
        for n in range(4)
    ]
    with cleaned(database):
        all_at_once(
            database, [*acts, (guild_id, lambda server: server.do(actions.ban_game, "Mental"))]
        )
        with database.begin() as tx:
            game = Guild(tx, guild_id).do(actions.get_index).titled("Mental")
    assert game is not None
    assert (sorted(game.aliases), game.banned) == ([f"alias{n}" for n in range(4)], True)
