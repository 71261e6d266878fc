"""Scheduled work. Each step is its own idempotent transaction and may run late."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.drand.client import client_of
from core.guilds.actions import load_settings
from core.guilds.store import list_present
from core.kit.database.work import Work
from core.kit.discord.rest import DiscordRest, first_id_at
from core.kit.health_item import HealthItem
from core.kit.services import Services
from core.kit.tasks import act_on_each, for_each
from core.raffle.actions import announce, config_of
from core.raffle.draw import actions, claims, store
from core.raffle.draw.bans import exclude_banned
from core.raffle.draw.posts import PostedFreeze, list_channels, read_freezes
from core.raffle.draw_records import Draw, Pick
from core.raffle.ledger.earning import credit
from core.raffle.ledger.gifts import announce_drop, list_unannounced
from core.raffle.periods import actions as periods
from core.raffle.records import Period
from core.raffle.rules import RaffleSettings
from core.raffle.store import list_everywhere

LATE_AFTER = timedelta(minutes=2)
"""How late a round may be before the health page shows it."""


# -- periods and tickets --------------------------------------------------------------------------


def open_months(services: Services) -> bool:
    """Open raffles whose month has begun, and set prizes that were chosen later. Returns False:
    nothing needs a faster interval."""
    config = config_of(services.settings)

    def open_one(work: Work, _guild_id: int) -> None:
        periods.open_due(work, config)
        periods.name_prize(work)

    act_on_each(services, list_present, open_one)
    return False


def _list_open(tx: Connection) -> Sequence[Period]:
    return list_everywhere(tx, Period.state == "open")


def credit_open(services: Services) -> None:
    """Credit tickets for watchtime and wagers, and gifts that were not credited yet."""
    act_on_each(services, _list_open, credit)


def announce_gifts(services: Services) -> bool:
    return act_on_each(
        services, list_unannounced, lambda work, gift: announce_drop(work, gift.drop)
    )


# -- the draw -------------------------------------------------------------------------------------


def advance_draws(services: Services) -> bool:
    """Run every step that is due. An error in one raffle is raised after the others were tried.
    Returns False if no raffle is open or being drawn."""
    # Asking the beacon can take long, so only drawing follows it.
    steps = (
        _announce_openings,
        _announce_plans,
        _freeze_due,
        _post_freezes_again,
        _check_claims,
        _get_rounds,
        _draw_due,
    )
    found: list[bool] = []
    for_each(steps, lambda step: found.append(step(services)))
    return any(found)


def _announce_openings(services: Services) -> bool:
    """Publish the commitment once a channel is set, if there was none at the opening."""
    config, now = config_of(services.settings), services.clock()
    return act_on_each(
        services,
        lambda tx: store.list_unannounced(tx, now),
        lambda work, period: announce(work, config, period),
    )


def _announce_plans(services: Services) -> bool:
    """Announce changed plans: a new end or grace time needs a new round."""
    config = config_of(services.settings)
    return act_on_each(
        services, _list_open, lambda w, period: actions.announce_plan(w, config, period.number)
    )


def _freeze_due(services: Services) -> bool:
    config, now = config_of(services.settings), services.clock()
    return act_on_each(
        services,
        lambda tx: list_due(tx, now),
        lambda work, period: actions.freeze_due(work, config, period.number),
    )


def _post_freezes_again(services: Services) -> bool:
    config = config_of(services.settings)
    return act_on_each(
        services,
        store.list_unposted,
        lambda work, draw: actions.post_freeze_again(work, config, draw.period),
    )


def list_due(tx: Connection, now: datetime) -> list[Period]:
    """The raffles to freeze automatically: they and their grace time are over."""

    def is_due(period: Period) -> bool:
        settings = _settings_of(tx, period.guild_id)
        grace = timedelta(minutes=settings.grace_minutes)
        return settings.auto_draw and period.ends_at + grace <= now

    ended = list_everywhere(tx, Period.state == "open", Period.ends_at <= now)
    return [period for period in ended if is_due(period)]


def _settings_of(tx: Connection, guild_id: int) -> RaffleSettings:
    with Work(tx, guild_id, now=datetime.min) as work:
        return load_settings(work, RaffleSettings)


def _check_claims(services: Services) -> bool:
    config, now = config_of(services.settings), services.clock()

    def check_next(pick: Pick) -> None:
        if pick.expires_at is not None and pick.expires_at <= now:
            exclude_banned(services, pick.guild_id, pick.period)

    return act_on_each(
        services,
        store.list_unclaimed,
        lambda w, pick: claims.check_claim(w, config, pick.period, pick.k),
        before=check_next,
    )


def _get_rounds(services: Services) -> bool:
    """Many raffles end with the month and share a round: ask for it once."""
    config, now = config_of(services.settings), services.clock()
    client = client_of(services.settings)
    due: dict[int, list[Draw]] = {}
    with services.database.begin() as tx:
        frozen = store.list_frozen(tx)
    for draw in frozen:
        if draw.waits_for_beacon and draw.round and draw.round_at and draw.round_at <= now:
            due.setdefault(draw.round, []).append(draw)

    def get(number: int) -> None:
        random = client.get_round(number)
        act_on_each(
            services,
            lambda _tx: due[number],
            lambda work, waiting: actions.store_round(work, config, waiting.period, random),
        )

    for_each(due, get)
    return bool(frozen)


def _draw_due(services: Services) -> bool:
    config = config_of(services.settings)

    def list_ready(tx: Connection) -> list[Draw]:
        return [draw for draw in store.list_frozen(tx) if not draw.waits_for_beacon]

    def compare_and_draw(draw: Draw) -> None:
        exclude_banned(services, draw.guild_id, draw.period)
        posted = _find_posted(services, draw)
        with services.work_in(draw.guild_id) as work:
            actions.compare_posted_freezes(work, config, draw.period, posted)
            actions.draw_winners(work, config, draw.period)

    with services.database.begin() as tx:
        ready = list_ready(tx)
    for_each(ready, compare_and_draw)
    return bool(ready)


def _find_posted(services: Services, draw: Draw) -> Sequence[PostedFreeze]:
    """The frozen lists that the bot has posted since the raffle opened. Raises Outage."""
    with services.work_in(draw.guild_id) as work:
        period, channels = work.find(Period, draw.period), list_channels(work, draw)
    if period is None or not channels or services.settings.discord_token is None:
        return []
    after = first_id_at(period.opened_at)
    discord = DiscordRest(services.settings)
    messages = [message for each in channels for message in discord.own_messages(each, after) or ()]
    return read_freezes(draw.guild_id, messages)


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Draws that wait for an admin or the beacon, for the health page."""

    def warning(record: Period | Draw | Pick, problem: str) -> HealthItem:
        return HealthItem("Raffle", "warn", problem, guild_id=record.guild_id)

    without_channel = [
        warning(
            period,
            f"Raffle #{period.number} has ended but can't be drawn: "
            "no channel is set (/settings set raffle.channel).",
        )
        for period in list_due(tx, now)
        if not _settings_of(tx, period.guild_id).channel
    ]
    waiting_for_beacon = [
        warning(
            draw,
            f"Raffle #{draw.period} is frozen and waiting for the beacon, which isn't "
            "responding. It will be drawn once the beacon responds; /raffledraw shows the "
            "alternative.",
        )
        for draw in store.list_frozen(tx)
        if draw.waits_for_beacon and draw.round_at is not None and draw.round_at + LATE_AFTER < now
    ]
    unposted = [
        warning(
            draw,
            f"Raffle #{draw.period} is frozen, but Discord rejected the post with the list's hash. "
            "The draw waits for that post. Allow the bot to post in the raffle's channel and "
            "retry, or choose another channel (/settings set raffle.channel).",
        )
        for draw in store.list_unposted(tx)
    ]
    unreachable = [
        warning(
            pick,
            f"A winner of raffle #{pick.period} can't claim: the post in the channel failed or "
            "was deleted, and their DMs are closed. Their time to claim is paused. Choose a "
            "channel the bot can post in (/settings set raffle.channel), and it will post there "
            "again.",
        )
        for pick in store.list_paused(tx)
    ]
    return [*without_channel, *unposted, *waiting_for_beacon, *unreachable]
