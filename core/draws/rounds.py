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
    if plan is not None and is_as_planned(chain, plan, frozen_at):
        return plan.round
    return chain.first_round_after(frozen_at + timedelta(seconds=chain.ahead))


def is_as_planned(chain: Chain, plan: Plan, frozen_at: datetime) -> bool:
    """Whether the announced round decides a list that is frozen at this instant."""
    if plan.chain != chain.name:
        return False
    latest = chain.made_at(plan.round) - timedelta(seconds=chain.ahead)
    return plan.freeze_at <= frozen_at <= latest


def is_public(chain: str | None, round_number: int | None, frozen_at: datetime) -> bool:
    """Whether a round of the public beacon decides that nobody could know at the freeze."""
    if chain != QUICKNET.name or round_number is None:
        return False
    return QUICKNET.made_at(round_number) - frozen_at >= timedelta(seconds=QUICKNET.ahead)


def find_chain(name: str | None, configured: Chain) -> Chain | None:
    """The chain of this name, if it is the public one or the configured one."""
    return next((chain for chain in (QUICKNET, configured) if chain.name == name), None)
