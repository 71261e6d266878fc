"""Every chat command, delivered late: on both platforms, by seconds and by minutes."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from core.bonus_hunt import actions as hunts
from core.features import load_features
from core.guilds import store as guilds
from core.guilds.actions import change_settings
from core.inbox.handlers import collect, handle
from core.kit.database.connection import cache_of
from core.kit.database.work import handled_at
from core.points.ledger import NewEntry, post
from core.points.rules import PointsSettings
from core.slot_calls import actions as slots
from tests.heist.scene import HeistGuild
from tests.raffle import scene as raffle
from tests.slot_calls.scene import CHANNEL_ID, KICK_CHANNEL, NOON

FEATURES = load_features()
HANDLERS = collect(FEATURES)
ME, FRIEND = 1, {"kick": 2, "twitch": 3}
PLATFORMS = ("kick", "twitch")

QUESTIONS = {
    "heist": "!heist odds",
    "mycalls": "!mycalls",
    "hunt": "!hunt",
    "points": "!points",
    "pointsboard": "!pointsboard",
    "buy": "!buy",
    "tickets": "!tickets",
    "raffle": "!raffle",
    "watchtime": "!watchtime",
    "vip": "!vip",
}
"""Answered 15 seconds late, not answered ten minutes late."""

ACTS = {
    "heist": "!heist",
    "join": "!join 100",
    "cancelheist": "!cancelheist",
    "cancelcall": "!cancelcall",
    "give": "!give @friend 100",
    "buy": "!buy priority",
}
"""Done 15 seconds late, not done ten minutes late."""

KEPT = {
    "call": "!call Razor Shark",
    "guess": "!guess 500",
    "points": "!points break 7d",
}
"""Done even ten minutes late, but no longer answered."""

STATE = text("""
    SELECT (SELECT array_agg((number, state) ORDER BY number) FROM heists WHERE guild_id = :g),
           (SELECT array_agg((viewer_id, state)) FROM heist_players WHERE guild_id = :g),
           (SELECT array_agg((number, state, is_first)) FROM slot_calls WHERE guild_id = :g),
           (SELECT array_agg((viewer_id, amount)) FROM bonus_hunt_guesses WHERE guild_id = :g),
           (SELECT sum(points) FROM points_balances WHERE guild_id = :g AND bucket = 'earned'
               AND viewer_id IN (SELECT viewer_id FROM people_viewers
                                  WHERE guild_id = :g AND platform_user_id = 1)),
           (SELECT array_agg((viewer_id, break_until)) FROM points_limits WHERE guild_id = :g)
""")
ANSWERS = text("SELECT count(*) FROM outbox_messages WHERE guild_id = :g AND service = :p")


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> HeistGuild:
    """Everything that commands are about, an hour before noon. No heist is open."""
    guild = HeistGuild(tx, guild_id, NOON - timedelta(hours=1))
    guild.open(heist_duration=600)
    guild.do(change_settings, PointsSettings, gift_hours=0, gift_cooldown=0)
    guild.do(slots.configure, channel=CHANNEL_ID, cooldown_seconds=0)
    guild.do(hunts.start, "Friday", "100", "EUR", CHANNEL_ID)
    guild.do(hunts.set_guessing, opened=True)
    raffle.period(tx, guild_id, guild.at, guild.at + timedelta(days=7))
    twitch = guilds.Channel(guild_id, "twitch", KICK_CHANNEL, "noraplays")
    guilds.set_channel(tx, twitch)
    for platform in PLATFORMS:
        for user_id in (ME, FRIEND[platform]):
            viewer_id = guild.viewer(user_id, platform)
            guild.do(post, "test", [NewEntry(f"more:{viewer_id}", viewer_id, "earned", 5000)])
        deliver(guild, "!call Book of Dead", platform, late=0)
    return guild


def deliver(guild: HeistGuild, typed: str, platform: str, *, late: float) -> None:
    """A moderator typed it that many seconds ago."""
    typed = typed.replace("friend", f"viewer{FRIEND[platform]}")
    message = guild.message(typed, ME, platform=platform, badges=("moderator", "subscriber"))
    guild.wait(late)
    cache_of(guild.tx).clear()
    with handled_at(guild.tx, guild.at):
        handle(guild.tx, HANDLERS, [message])
    guild.wait(-late)
    cache_of(guild.tx).clear()


def outcome(guild: HeistGuild, typed: str, platform: str, late: float) -> tuple[bool, bool]:
    """Whether it did something, and whether it was answered. All is rolled back."""
    with guild.tx.begin_nested() as trial:
        guild.at = NOON
        if typed.startswith(("!join", "!cancelheist")):
            guild.start()
            guild.wait(1)
        given = {"g": guild.id, "p": platform}
        before, said = (guild.tx.execute(STATE, given).one(), guild.tx.scalar(ANSWERS, given))
        deliver(guild, typed, platform, late=late)
        after, then = (guild.tx.execute(STATE, given).one(), guild.tx.scalar(ANSWERS, given))
        trial.rollback()
    cache_of(guild.tx).clear()
    return before != after, then > said


def test_every_chat_command_is_in_one_of_the_tables() -> None:
    names = {command.names[0] for feature in FEATURES for command in feature.chat_commands}
    assert names == {*QUESTIONS, *ACTS, *KEPT}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_late_commands(guild: HeistGuild, platform: str) -> None:
    def outcomes(table: dict[str, str], late: float) -> dict[str, tuple[bool, bool]]:
        return {typed: outcome(guild, typed, platform, late) for typed in table.values()}

    seconds, minutes = 15, 600
    asked, done, nothing = (False, True), (True, True), (False, False)
    assert outcomes(QUESTIONS, seconds) == dict.fromkeys(QUESTIONS.values(), asked)
    assert outcomes(QUESTIONS, minutes) == dict.fromkeys(QUESTIONS.values(), nothing)
    silent = {"!join 100": (True, False)}
    assert outcomes(ACTS, seconds) == dict.fromkeys(ACTS.values(), done) | silent
    assert outcomes(ACTS, minutes) == dict.fromkeys(ACTS.values(), nothing)
    assert outcomes(KEPT, seconds) == dict.fromkeys(KEPT.values(), done)
    assert outcomes(KEPT, minutes) == dict.fromkeys(KEPT.values(), (True, False))
