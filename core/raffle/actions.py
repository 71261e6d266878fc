"""Opening raffles, planning their draw, and posting about them."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.drand.chain import QUICKNET, Chain
from core.drand.client import chain_of
from core.draws.secrets import commitment_to, new_secret
from core.draws.snapshot import plan_for
from core.guilds.actions import load_settings
from core.guilds.channels import describe_trouble, find_trouble
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.runtime.crypto import SealBroken, Vault, vault_of
from core.kit.runtime.settings import Settings
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.raffle.records import Announcement, Kind, Period
from core.raffle.rules import RaffleSettings
from core.raffle.store import TOOK_PLACE, find_plan

PATH = "/draws"


@dataclass(frozen=True, slots=True)
class Config:
    """The bot's settings that raffles use: encryption keys, the beacon, the public address."""

    vault: Vault
    chain: Chain
    public_url: str

    def page_of(self, public_id: str) -> str:
        """The address of a draw's public page."""
        return f"{self.public_url}{PATH}/{public_id}"

    def about(self, period: Period) -> dict[str, Any]:
        """The part of the payload that all messages about a draw share."""
        page = self.page_of(period.public_id)
        return {"number": period.number, "prize": period.prize, "page": page}

    def decrypt(self, sealed: str) -> bytes:
        """A raffle's seed or salt; raises Refusal if the key that encrypted it was removed."""
        try:
            return bytes.fromhex(self.vault.open(sealed))
        except SealBroken as broken:
            raise Refusal(
                _("The raffle's seed can't be decrypted: it was encrypted with a different key."),
                _("Add that key to TOKEN_ENCRYPTION_KEYS."),
            ) from broken


def config_of(settings: Settings) -> Config:
    """The configuration of this installation."""
    return Config(vault_of(settings), chain_of(settings), settings.public_url)


# -- opening --------------------------------------------------------------------------------------


def open_period(
    work: Work,
    config: Config,
    starts_at: datetime,
    ends_at: datetime,
    settings: RaffleSettings,
    *,
    ends_with_month: bool = False,
) -> Period:
    """Open a raffle with a new seed, publish the commitment to it, and announce the expected beacon
    round. Raises Refusal if the dates overlap with another raffle."""
    work.lock(Lock.RAFFLES)
    require_free(work, starts_at, ends_at)
    seed = new_secret()
    opened = Period(
        number=work.next_number(Period.number),
        starts_at=starts_at,
        ends_at=ends_at,
        ends_with_month=ends_with_month,
        prize=settings.prize,
        winners_wanted=settings.winners,
        sealed_seed=config.vault.seal(seed.hex()),
        sealed_salt=config.vault.seal(new_secret().hex()),
        commitment=commitment_to(seed),
        public_id=secrets.token_urlsafe(12),
        opened_at=work.now,
    )
    work.add(opened)
    work.flush()
    work.add(plan_of(work, config, opened, "opened"))
    announce(work, config, opened)
    return opened


def require_free(work: Work, starts_at: datetime, ends_at: datetime, *, number: int = 0) -> None:
    """Raises Refusal if the dates overlap with a raffle other than this number. Hold
    `Lock.RAFFLES`."""
    overlapping = TOOK_PLACE.where(
        Period.starts_at < ends_at, Period.ends_at > starts_at, Period.number != number
    )
    other = work.scalar(overlapping.order_by(Period.starts_at).limit(1))
    if other is not None:
        raise Refusal(
            _("Raffle #{number} overlaps with these dates.").format(number=other.number),
            _(
                "It runs from {start} to {end}. End it with `/raffleend`, or choose other dates "
                "with `/rafflesetdate`."
            ).format(start=_moment(other.starts_at), end=_moment(other.ends_at)),
        )


def _moment(instant: datetime) -> str:
    """In the reader's own time zone."""
    return f"<t:{int(instant.timestamp())}:f>"


def plan_of(work: Work, config: Config, period: Period, kind: Kind) -> Announcement:
    """The planned time of the freeze, and the round that is expected to decide."""
    grace = timedelta(minutes=load_settings(work, RaffleSettings).grace_minutes)
    planned_at = period.ends_at.replace(microsecond=0) + grace
    expected = plan_for(config.chain, planned_at).round
    return Announcement(
        period=period.number,
        kind=kind,
        at=work.now,
        planned_at=planned_at,
        chain=config.chain.name,
        round=expected,
        round_at=config.chain.made_at(expected),
    )


def plan_payload(plan: Announcement | None) -> dict[str, Any]:
    """The payload of a plan for a Discord message."""
    if plan is None or plan.planned_at is None or plan.round_at is None:
        return {"planned_at": None}
    return {
        "planned_at": plan.planned_at.isoformat(),
        "round": plan.round,
        "round_at": plan.round_at.isoformat(),
        "is_public": plan.chain == QUICKNET.name,
    }


# -- posts ---------------------------------------------------------------------------------------


def find_problem(work: Work) -> str:
    """Why raffle news cannot be posted, and how to fix that; "" if there is no problem."""
    channel_id = load_settings(work, RaffleSettings).channel
    if not channel_id:
        return _("Choose a channel with `/settings set raffle.channel`.")
    trouble = find_trouble(work, channel_id)
    return describe_trouble(trouble) if trouble else ""


def announce(work: Work, config: Config, opened: Period) -> None:
    """Post the commitment and the plan in the raffle's channel, if there is one."""
    payload = (
        config.about(opened)
        | opened.dates
        | {
            "winners": opened.winners_wanted,
            "planned": opened.starts_at > work.now,
            "commitment": opened.commitment,
            **plan_payload(find_plan(work, opened.number)),
        }
    )
    post_news(work, "raffle.opened", message_key("raffle.opened", opened.number), payload)


def message_key(kind: str, number: int, *parts: object) -> str:
    """The outbox key of a message about a raffle."""
    return ":".join(map(str, (kind, number, *parts)))


def post_news(work: Work, kind: str, key: str, payload: dict[str, Any]) -> bool:
    """Post in the raffle's channel; returns False if no channel is set or this was posted
    before."""
    channel_id = load_settings(work, RaffleSettings).channel
    return bool(channel_id) and outbox.post_to_channel(work, channel_id, kind, key, payload)


def log_change(work: Work, what: str, key: str, number: int, **details: Any) -> None:
    """Post an admin's change in the log channel, or else in the raffle's channel."""
    settings = load_settings(work, RaffleSettings)
    channel_id = settings.log_channel or settings.channel
    if channel_id:
        who = {"actor": str(work.actor), "at": work.now.isoformat()}
        payload = {"what": what, "number": number, **who, **details}
        key = f"raffle.changed:{key}"
        outbox.post_to_channel(work, channel_id, "raffle.changed", key, payload)
