"""A raffle with a frozen list. All data that decides who wins is compared with what was published
before it is used, so that editing the database cannot change a result."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from core.drand.chain import QUICKNET
from core.draws import checks, secrets
from core.draws.checks import Tampered
from core.draws.picks import draw_order
from core.draws.snapshot import FORMAT, Entrants, Freeze, Terms, format_of, make_header
from core.kit.database.records import ViewerId
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.raffle import store as raffles
from core.raffle.actions import Config
from core.raffle.draw import store
from core.raffle.draw_records import Draw, Pick
from core.raffle.records import Announcement, Period


@dataclass(frozen=True, slots=True)
class FrozenRaffle:
    """A raffle and its frozen list, in one unit of work."""

    work: Work
    config: Config
    period: Period
    draw: Draw

    @property
    def number(self) -> int:
        return self.period.number

    @property
    def seed(self) -> bytes:
        """Secret until the draw."""
        return self.config.decrypt(self.period.sealed_seed)

    @property
    def salt(self) -> bytes:
        """Never published."""
        return self.config.decrypt(self.period.sealed_salt)

    @property
    def plan(self) -> Announcement | None:
        """The latest announced plan."""
        return raffles.find_plan(self.work, self.number)

    @property
    def terms(self) -> Terms:
        """The list's header, computed from the stored columns."""
        period, draw, plan = self.period, self.draw, self.plan
        return Terms(
            server=secrets.server_pseudonym(period.guild_id),
            number=period.number,
            starts_at=period.starts_at,
            ends_at=period.ends_at,
            prize=period.prize,
            winners=period.winners_wanted,
            commitment=period.commitment,
            announced=plan.plan if plan else None,
            frozen_at=draw.frozen_at,
            chain=draw.chain,
            round=draw.round,
            claim_minutes=draw.claim_minutes,
            previous=self.previous,
        )

    @property
    def previous(self) -> Freeze | None:
        """The list that the server froze before this one."""
        frozen = raffles.list_all_freezes(self.work)
        mine = (self.number, self.draw.snapshot_hash)
        places = [
            at for at, freeze in enumerate(frozen) if (freeze.period, freeze.snapshot_hash) == mine
        ]
        before = frozen[: places[-1]] if places else frozen
        return Freeze(len(before), before[-1].snapshot_hash or "") if before else None

    def order(self, entrants: Entrants) -> Iterator[str]:
        """All pseudonyms in the order in which they are drawn."""
        return draw_order(self.seed, self.draw.snapshot_hash, self.draw.randomness, entrants)

    def check(self) -> Entrants:
        """The frozen list, verified against what was published. Raises Refusal if the list, its
        terms, the seed or the beacon's number differs."""
        draw, random = self.draw, self.draw.random
        freezes = raffles.list_freezes(self.work, self.number, found=False)
        snapshot, terms = store.get_snapshot(self.work, self.number), self.terms
        if format_of(snapshot) == FORMAT:  # frozen before lists had claimants
            terms = replace(terms, claim_minutes=None)
        header = make_header(terms, draw.entrants, draw.tickets)
        try:
            if not freezes or freezes[-1].content != draw.announcement.content:
                raise Tampered(_("the freeze is not the one that was announced"))
            entrants = checks.check_snapshot(snapshot, draw.snapshot_hash, header)
            checks.check_seed(self.seed, self.period.commitment)
            if random is not None:
                chains = {chain.name: chain for chain in (QUICKNET, self.config.chain)}
                if random.chain not in chains:
                    raise self.other_beacon()
                checks.check_round(chains[random.chain], random)
        except Tampered as found:
            raise self._tampered(str(found)) from found
        return entrants

    def check_owners(self, entrants: Entrants) -> dict[str, ViewerId]:
        """Pseudonym -> viewer id, without accounts erased since. Raises Refusal if the tickets of a
        line are not the sum of its owner's entries."""
        salt = self.salt
        tickets: dict[str, int] = {}
        viewer_ids: dict[str, ViewerId] = {}
        erased: list[int] = []
        for held in store.list_held(self.work, self.number):
            if held.erased:
                erased += held.tickets
                continue
            pseudonyms = list(secrets.pseudonyms(salt, held.accounts))
            tickets.update(zip(pseudonyms, held.tickets, strict=True))
            viewer_ids.update(zip(pseudonyms, held.viewer_ids, strict=True))
        if checks.count_mismatches(entrants, tickets, erased):
            raise self._tampered(_("the frozen tickets are not the sum of the ledger's entries"))
        return viewer_ids

    def check_winner(self, pick: Pick) -> None:
        """Repeat the draw. Raises Refusal if the row names someone else."""
        drawn = next(islice(self.order(self.check()), pick.k - 1, None), None)
        if drawn != pick.pseudonym or self.is_replaced(pick):
            raise self.replaced(pick)

    def is_replaced(self, pick: Pick) -> bool:
        """Whether a row names a different account or member than drawn."""
        if pick.state == "skipped":
            return False
        salt, account, member = self.salt, pick.account, pick.discord_id
        return (
            pick.viewer_id is None
            or (account != "" and secrets.pseudonym_of(salt, account) != pick.pseudonym)
            or (member is not None and not self.is_claimant(member, pick.claimant))
            or self.claimant_of(pick.pseudonym) not in (None, pick.claimant)
        )

    def claimant_of(self, pseudonym: str) -> str | None:
        """The code of the member who may claim, from the frozen list; None in an older list."""
        return store.find_claimant_of_line(self.work, self.number, pseudonym)

    def is_claimant(self, member: int, code: str | None) -> bool:
        """Whether a code belongs to this member. Codes of lists without claimants are shorter."""
        return bool(code) and secrets.claimant(self.salt, member)[: len(code or "")] == code

    def replaced(self, pick: Pick) -> Refusal:
        return self._tampered(_("winner {k} is not the one who was drawn").format(k=pick.k))

    def shortened(self, pick: Pick) -> Refusal:
        return self._tampered(_("winner {k} has less time to claim than promised").format(k=pick.k))

    def other_beacon(self) -> Refusal:
        """The configured beacon differs from the announced one."""
        return Refusal(
            _("Raffle #{number} was announced with a different beacon.").format(number=self.number),
            _("Set DRAND_CHAIN back to the value it had when the list was frozen."),
        )

    def _tampered(self, what: str) -> Refusal:
        return Refusal(
            _("Raffle #{number} cannot be drawn: {what}.").format(number=self.number, what=what),
            _("The database was modified, so nothing is drawn."),
        )


def find_frozen(work: Work, config: Config, number: int) -> FrozenRaffle | None:
    """The raffle with this number, if it was frozen."""
    period, draw = work.find(Period, number), work.find(Draw, number)
    return FrozenRaffle(work, config, period, draw) if period and draw else None


def lock_frozen(work: Work, config: Config, number: int) -> FrozenRaffle | None:
    """`find_frozen` with a lock: until the transaction ends, nobody else changes the raffle, its
    list or its winners."""
    raffles.lock_period(work, number)
    work.expire_all()
    return find_frozen(work, config, number)
