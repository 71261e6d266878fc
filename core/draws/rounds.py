"""The round of the beacon that decides a draw: nobody can know it when the list is frozen."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.drand.chain import QUICKNET, Chain


@dataclass(frozen=True, slots=True)
class Plan:
    """What was announced about a draw in advance: when the list is to be frozen, the chain's name,
    and the round that decides if it is frozen then."""

    freeze_at: datetime
    chain: str
    round: int


def plan_for(chain: Chain, freeze_at: datetime) -> Plan:
    """The round also decides if the list is frozen a little late: up to a minute on quicknet."""
    margin = timedelta(seconds=chain.ahead // 5)
    return Plan(freeze_at, chain.name, choose_round(chain, None, freeze_at + margin))


def choose_round(chain: Chain, plan: Plan | None, frozen_at: datetime) -> int:
    """The announced round if the list is frozen as planned, else the first one that is published at
    least `chain.ahead` seconds later."""
    ahead = timedelta(seconds=chain.ahead)
    if plan and plan.chain == chain.name:
        is_as_planned = plan.freeze_at <= frozen_at <= chain.made_at(plan.round) - ahead
        if is_as_planned:
            return plan.round
    return chain.first_round_after(frozen_at + ahead)


def is_public(chain: str | None, round_number: int | None, frozen_at: datetime) -> bool:
    """Whether a round of the public beacon decides that nobody could know at the freeze."""
    if chain != QUICKNET.name or round_number is None:
        return False
    return QUICKNET.made_at(round_number) - frozen_at >= timedelta(seconds=QUICKNET.ahead)
