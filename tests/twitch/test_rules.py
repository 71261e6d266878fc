"""Which subscriptions a channel should have."""

from core.twitch.bodies import KINDS
from core.twitch.eventsub.rules import (
    MAX_PER_SOCKET,
    SOCKET_FULL,
    ChannelPlan,
    Wanted,
    within_limits,
)

BOT = 7


def plan(channel_id: int) -> ChannelPlan:
    """A channel whose chat a bot's account reads; its streamer's token is used for the rest."""
    wanted = tuple(
        Wanted(name, kind.version, {}, BOT if kind.by_reader else channel_id)
        for name, kind in KINDS.items()
    )
    return ChannelPlan(channel_id, wanted, {"other": "why"})


def test_a_channel_is_far_from_the_limit_of_a_socket() -> None:
    assert len(KINDS) < MAX_PER_SOCKET / 10
    assert within_limits([plan(1)]) == [plan(1)]


def test_bot_account_that_reads_too_many_channels_is_told_what_to_do() -> None:
    by_reader = [name for name, kind in KINDS.items() if kind.by_reader]
    fit = MAX_PER_SOCKET // len(by_reader)
    plans = within_limits(plan(100 + number) for number in range(fit + 1))
    assert plans[:-1] == [plan(100 + number) for number in range(fit)]
    last = plans[-1]
    assert last.lacking == {"other": "why"} | dict.fromkeys(by_reader, SOCKET_FULL)
    assert len(last.wanted) == len(KINDS) - len(by_reader)
