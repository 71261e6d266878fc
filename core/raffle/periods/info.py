"""What `/raffleinfo` shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.guilds.actions import setting
from core.kit.records import THE_BOT
from core.kit.work import run_in_guild
from core.raffle.actions import find_problem
from core.raffle.config import Config
from core.raffle.current import find_shown
from core.raffle.draw import publishing
from core.raffle.draw.publishing import Past
from core.raffle.ledger import reading
from core.raffle.ledger.reading import Pool
from core.raffle.ledger.settings import PER_GIFT, PER_HOUR, PER_THOUSAND
from core.raffle.records import Period
from core.wagers.store import has_verified
from core.watchtime.actions import window

PAST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Info:
    """The raffle as everybody may know it.

    Attributes:
        period: None before the first.
        per_thousand: tickets for $1,000 wagered; 0 where nobody's wagers count.
        problem: why raffle news cannot be posted, for admins.
    """

    period: Period | None
    pool: Pool | None
    page: str
    per_gift: int
    per_hour: int
    per_thousand: int
    window_minutes: int
    past: Sequence[Past]
    problem: str


def get_info(
    tx: Connection, config: Config, guild_id: int, now: datetime, *, is_admin: bool = False
) -> Info:
    """What runs, how one earns, what can be won, and who won last."""
    period = find_shown(tx, guild_id, now)
    return Info(
        period,
        reading.get_pool(tx, guild_id, period.number, now) if period else None,
        config.page_of(period.public_id) if period else "",
        setting(tx, guild_id, PER_GIFT),
        setting(tx, guild_id, PER_HOUR),
        setting(tx, guild_id, PER_THOUSAND) if has_verified(tx, guild_id) else 0,
        int(window(tx, guild_id).total_seconds()) // 60,
        run_in_guild(tx, guild_id, THE_BOT, now, publishing.list_past, config, PAST_SHOWN),
        find_problem(tx, guild_id) if is_admin else "",
    )
