"""Crediting: exactly once, whoever asks, and whatever comes late. Commits, worker and Kick's API
are real."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select, text

from core.events import Event, KicksGifted, SubGifted, SubscriptionRenewed, SubscriptionStarted
from core.guilds import actions as guilds
from core.guilds.tables import audit_log
from core.inbox import actions as inbox
from core.inbox.hearers import Hearing
from core.inbox.store import Delivery
from core.inbox.worker import Worker
from core.kick.feed import frames
from core.kick.feed.translate import translate as translate_feed
from core.kick.intake import store as intake
from core.kick.misses import actions, credit, tasks
from core.kick.misses.events import FeedWitnessed
from core.kick.misses.handlers import on_feed_witnessed, on_money
from core.kick.settings import ADMIN_CHANNEL
from core.kick.translate import translate
from core.kit.bus import LocalBus
from core.kit.database import Database
from core.kit.errors import Refusal
from core.kit.services import Services
from sandbox.serve import Sandbox
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.rig import NORA, StandingClock, follow, person, settings

ADMIN, OTHER_ADMIN = 77, 78
MIA, SAM, VERA = 4_100_003, 4_100_006, 4_100_007
MONEY = (SubGifted, SubscriptionStarted, SubscriptionRenewed, KicksGifted)


@dataclass
class Stage:
    """The inbox with its worker, our part of the room, and somebody who counts."""

    ours: Services
    clock: StandingClock
    counted: list[Event] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        def count(_tx: Connection, event: Event) -> None:
            self.counted.append(event)

        both = (Hearing("misses", on_money), Hearing("count", count))
        hearings: dict[type[Event], tuple[Hearing, ...]] = dict.fromkeys(MONEY, both)
        hearings[FeedWitnessed] = (Hearing("seen", on_feed_witnessed),)
        translators = {
            "kick.webhook": translate,
            frames.SOURCE: translate_feed,
            credit.SOURCE: credit.translate,
        }
        self._worker = Worker(self.ours.database, translators, hearings, self.clock)

    def work(self) -> None:
        while self._worker.work_once():
            pass

    def webhook(self, kind: str, body: dict[str, object]) -> None:
        """A delivery with an id of its own."""
        self._number += 1
        self._receive(
            Delivery("kick.webhook", f"m{self._number}", kind, f"kick:{NORA}", body, self.clock.now)
        )

    def frame(self, event: str, data: dict[str, object]) -> None:
        self._receive(frames.to_delivery(NORA, event, data, self.clock.now))

    def _receive(self, delivery: Delivery) -> None:
        with self.ours.database.begin() as tx:
            inbox.receive(tx, delivery)
        self.work()

    def misses(self, guild_id: int = GUILD) -> list[actions.Miss]:
        with self.ours.database.begin() as tx:
            return actions.list_misses(tx, guild_id, self.clock.now)

    def audit(self) -> list[tuple[str, int]]:
        with self.ours.database.begin() as tx:
            found = tx.execute(select(audit_log.c.action, audit_log.c.actor))
            return [(row.action, row.actor) for row in found]


@pytest.fixture
def stage(clean: Database, pretend: Sandbox, clock: StandingClock) -> Stage:
    environment = {name.lower(): value for name, value in pretend.env.items()}
    follow(clean, GUILD)
    return Stage(Services(settings(**environment), clean, LocalBus(), clock), clock)


def gifts(*names: str) -> dict[str, object]:
    return {
        "correlation_id": "c1",
        "gifter_username": "MadCats",
        "gifted_usernames": list(names),
    }


def gift_body(stage: Stage, *giftees: tuple[int, str]) -> dict[str, object]:
    return {
        "broadcaster": person(NORA, "NoraPlays"),
        "gifter": person(MIA, "MadCats"),
        "giftees": [person(*giftee) for giftee in giftees],
        "created_at": stage.clock.now.isoformat(),
        "expires_at": None,
    }


def kicks(number: str, **differs: object) -> dict[str, object]:
    return {
        "gift_transaction_id": number,
        "message": "gg",
        "sender": {"id": MIA, "username": "MadCats"},
        "gift": {"name": "Rage Quit", "amount": 500},
        "created_at": "2026-05-01T12:00:00.212275837Z",
        **differs,
    }


def kicks_body(created_at: str = "2026-05-01T12:00:00.212Z") -> dict[str, object]:
    return {
        "broadcaster": person(NORA, "NoraPlays"),
        "sender": person(MIA, "MadCats"),
        "gift": {"amount": 500, "name": "Rage Quit", "type": "LEVEL_UP", "tier": "MID"},
        "created_at": created_at,
    }


def counted_giftees(stage: Stage) -> list[int]:
    return sorted(event.giftee.user_id for event in stage.counted if isinstance(event, SubGifted))


def test_a_dropped_gift_is_credited_with_real_user_ids(stage: Stage) -> None:
    stage.frame("GiftedSubscriptionsEvent", gifts("SamOnKick", "VeraSpins"))
    stage.webhook("channel.subscription.gifts", gift_body(stage, (SAM, "samonkick")))
    stage.clock.forward(minutes=16)
    assert [each.receiver for each in stage.misses()[0].witnesses] == ["VeraSpins"]
    result = credit.credit(stage.ours, GUILD, 1, ADMIN)
    stage.work()
    assert (result.count, result.unknown) == (1, ())
    assert counted_giftees(stage) == [SAM, VERA]
    gift = stage.counted[-1]
    assert isinstance(gift, SubGifted)
    assert gift.gifter is not None
    assert (gift.gifter.user_id, gift.source) == (MIA, "feed")
    assert ("kick.missed.credit", ADMIN) in stage.audit()
    assert stage.misses() == []


def test_two_admins_at_once_credit_once(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    assert stage.misses()

    def ask(actor: int) -> str:
        try:
            return str(credit.credit(stage.ours, GUILD, 1, actor).count)
        except Refusal as refusal:
            return refusal.what

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, [ADMIN, OTHER_ADMIN] * 4))
    stage.work()
    assert answers.count("1") == 1
    assert sum("credited already" in each for each in answers) == 7
    assert len(stage.counted) == 1
    assert len(stage.audit()) == 1


def test_a_webhook_after_the_credit_attaches_itself(stage: Stage) -> None:
    stage.frame("GiftedSubscriptionsEvent", gifts("VeraSpins"))
    late = gift_body(stage, (VERA, "VeraSpins"))
    stage.clock.forward(minutes=16)
    stage.misses()
    credit.credit(stage.ours, GUILD, 1, ADMIN)
    stage.work()
    stage.webhook("channel.subscription.gifts", late)
    stage.webhook("channel.subscription.gifts", late)
    assert counted_giftees(stage) == [VERA]


def test_a_webhook_before_the_credits_effect_attaches_itself_as_well(stage: Stage) -> None:
    """Both wait in the inbox, in this order, and are handled in one batch."""
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    stage.misses()
    with stage.ours.database.begin() as tx:
        lane = f"kick:{NORA}"
        late = Delivery("kick.webhook", "late", "kicks.gifted", lane, kicks_body(), stage.clock.now)
        inbox.receive(tx, late)
    credit.credit(stage.ours, GUILD, 1, ADMIN)
    stage.work()
    assert len(stage.counted) == 1


def test_a_webhook_first_leaves_nothing_to_credit(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    stage.misses()
    stage.webhook("kicks.gifted", kicks_body())
    with pytest.raises(Refusal, match="come after all"):
        credit.credit(stage.ours, GUILD, 1, ADMIN)
    assert len(stage.counted) == 1


def test_of_two_equal_gifts_the_credited_one_takes_its_own_webhook(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.frame("KicksGifted", kicks("t2", created_at="2026-05-01T12:00:01.212Z"))
    stage.webhook("kicks.gifted", kicks_body())
    stage.clock.forward(minutes=16)
    (miss,) = stage.misses()
    assert miss.first.at.second == 1
    credit.credit(stage.ours, GUILD, miss.number, ADMIN)
    stage.work()
    stage.webhook("kicks.gifted", kicks_body())
    stage.webhook("kicks.gifted", kicks_body("2026-05-01T12:00:01.212Z"))
    assert len(stage.counted) == 2


def test_a_dismissed_one_still_counts_by_webhook(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    stage.misses()
    with stage.ours.database.begin() as tx:
        actions.dismiss(tx, GUILD, 1, ADMIN, stage.clock.now)
    with pytest.raises(Refusal, match="dismissed already"):
        credit.credit(stage.ours, GUILD, 1, ADMIN)
    stage.webhook("kicks.gifted", kicks_body())
    assert len(stage.counted) == 1


def test_names_that_nobody_has_stay_open(stage: Stage) -> None:
    stage.frame("GiftedSubscriptionsEvent", gifts("VeraSpins", "nobody_at_all"))
    stage.clock.forward(minutes=16)
    stage.misses()
    result = credit.credit(stage.ours, GUILD, 1, ADMIN)
    stage.work()
    assert (result.count, result.unknown) == (1, ("nobody_at_all",))
    assert [each.receiver for each in stage.misses()[0].witnesses] == ["nobody_at_all"]
    with pytest.raises(Refusal, match="nobody called nobody_at_all"):
        credit.credit(stage.ours, GUILD, 1, ADMIN)


def test_a_credit_is_for_one_server(stage: Stage) -> None:
    follow(stage.ours.database, OTHER_GUILD)
    stage.frame("KicksGifted", kicks("t1"))
    stage.clock.forward(minutes=16)
    stage.misses()
    assert [miss.number for miss in stage.misses(OTHER_GUILD)] == [1]
    credit.credit(stage.ours, GUILD, 1, ADMIN)
    stage.work()
    assert [event.guild_id for event in stage.counted] == [GUILD]
    assert [miss.number for miss in stage.misses(OTHER_GUILD)] == [1]


def test_the_feed_alone_counts_nothing(stage: Stage) -> None:
    stage.frame("GiftedSubscriptionsEvent", gifts("VeraSpins"))
    stage.frame("KicksGifted", kicks("t1"))
    stage.frame("SubscriptionEvent", {"username": "MadCats", "months": 2})
    tasks.count_witnesses(stage.ours)
    stage.work()
    assert stage.counted == []


KINDS = ("channel.subscription.gifts", "channel.subscription.renewal", "kicks.gifted")


def test_where_the_feed_is_the_authority_it_counts_at_once_and_the_webhook_does_not(
    stage: Stage,
) -> None:
    with stage.ours.database.begin() as tx:
        intake.set_authorities(
            tx, NORA, dict.fromkeys(KINDS, "feed"), stage.clock.now, overrule=True
        )
    stage.frame("GiftedSubscriptionsEvent", gifts("VeraSpins"))
    stage.frame("KicksGifted", kicks("t1"))
    stage.frame("SubscriptionEvent", {"username": "MadCats", "months": 2})
    for _ in range(2):
        tasks.count_witnesses(stage.ours)
        stage.work()
    stage.webhook("kicks.gifted", kicks_body())
    assert {type(event) for event in stage.counted} == {SubGifted, KicksGifted, SubscriptionRenewed}
    assert len(stage.counted) == 3
    stage.clock.forward(minutes=16)
    assert stage.misses() == []


def test_admins_are_told_once(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    with stage.ours.database.begin() as tx:
        guilds.change_setting(tx, GUILD, ADMIN_CHANNEL, 55, ADMIN)
    stage.clock.forward(minutes=16)
    for _ in range(3):
        tasks.find_misses(stage.ours)
    with stage.ours.database.begin() as tx:
        kinds = tx.execute(text("SELECT kind FROM outbox_messages")).scalars().all()
    assert kinds == ["kick.missed"]


def test_what_is_matched_is_forgotten_in_the_end_and_what_is_settled_is_not(stage: Stage) -> None:
    stage.frame("KicksGifted", kicks("t1"))
    stage.webhook("kicks.gifted", kicks_body())
    stage.frame("KicksGifted", kicks("t2", created_at="2026-05-01T12:00:09Z"))
    stage.clock.forward(minutes=16)
    stage.misses()
    credit.credit(stage.ours, GUILD, 1, ADMIN)
    stage.clock.now += timedelta(days=31)
    tasks.forget(stage.ours)
    with stage.ours.database.begin() as tx:
        left = tx.execute(text("SELECT state FROM kick_witnesses")).scalars().all()
        told = tx.execute(text("SELECT count(*) FROM kick_told")).scalar()
    assert (left, told) == (["credited"], 0)
