"""A server with a connected channel at the fake Twitch. Each `work()` is one run of the runner;
events reach us when `hear()` says so."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from flask.testing import FlaskClient
from sqlalchemy import select

from combined_server import web
from core.events import Event, Person
from core.features import load_features
from core.inbox.feature import FEATURE as INBOX
from core.inbox.handlers import collect
from core.inbox.worker import Worker
from core.kit.database.work import Work
from core.outbox.records import messages
from core.twitch.bodies import parse
from core.twitch.feature import FEATURE as TWITCH
from core.twitch.translate import Context, translate
from core.vips import actions, rewards, store
from core.vips.feature import FEATURE
from core.vips.records import Redemption, Reward, Session
from core.vips.rules import RewardForm
from core.vips.runner import VipRunner
from tests.conftest import GUILD
from tests.twitch.rig import MIA, NORA, TOMAS, VERA, Installation

P = ParamSpec("P")
T = TypeVar("T")

ADMIN = 310_000_000_000_000_002
MIA_ACCOUNT, TOMAS_ACCOUNT = (
    Person(user_id=MIA, name="MadCats"),
    Person(user_id=TOMAS, name="TomasTV"),
)
REDEEMED = "channel.channel_points_custom_reward_redemption.add"
PEOPLE = {"mia": MIA, "nora": NORA, "tomas": TOMAS, "vera": VERA}


@dataclass
class Scene:
    """The bot and the fake Twitch."""

    installation: Installation
    runner: VipRunner
    guild_id: int = GUILD
    numbers: list[int] = field(default_factory=lambda: [0])

    def do(self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A moderator does this."""
        with self.installation.services.work_in(self.guild_id, ADMIN) as work:
            return action(work, *args, **kwargs)

    def work(self, times: int = 1) -> None:
        """Run the runner now, ignoring its delays."""
        for _time in range(times):
            self.runner._pauses.clear()
            if self.guild_id in self.runner.list_due():
                self.runner.work_for(self.guild_id)

    def later(self, **time: float) -> None:
        """Time passes, and the runner looks."""
        self.installation.clock.forward(**time)
        self.work()

    def set(self, **values: Any) -> None:
        """Change settings."""
        from core.guilds.actions import change_settings
        from core.vips.rules import VipSettings

        self.do(change_settings, VipSettings, **values)

    def reward(self, title: str = "VIP", **values: Any) -> Reward:
        """A reward that exists on Twitch."""
        form = RewardForm(title=title, **{"cost": 500, "minutes": 60, "max_per_user": 0, **values})
        made = self.do(rewards.create_reward, form)
        self.work()
        return self.do(store.get_reward, made.number)

    def redeem(self, person: str = "mia", title: str = "VIP") -> str:
        """Somebody redeems; the redemption's id. No event of it reaches us."""
        answer = self.installation.twitch.do("redeem", person=person, title=title)
        return str(answer["redemption_id"])

    def hear_redeemed(
        self, redemption_id: str, person: str = "mia", message_id: str = "", title: str = "VIP"
    ) -> None:
        """The event of a redemption arrives."""
        self.hear(REDEEMED, self.redeemed(redemption_id, person, title), message_id)

    def redeemed(
        self, redemption_id: str, person: str = "mia", title: str = "VIP"
    ) -> dict[str, Any]:
        """The body of that event."""
        reward = next(one for one in self.do(store.list_rewards) if one.title == title)
        return {
            "id": redemption_id,
            "broadcaster_user_id": str(NORA),
            "user_id": str(PEOPLE[person]),
            "user_name": person,
            "user_input": "",
            "status": "unfulfilled",
            "reward": {"id": reward.reward_id, "title": title, "cost": reward.cost, "prompt": ""},
            "redeemed_at": "2026-11-20T10:00:00.17106713Z",
        }

    def hear(self, kind: str, event: dict[str, Any], message_id: str = "") -> None:
        """An event of EventSub is handled."""
        self.numbers[0] += 1
        context = Context(
            (self.guild_id,),
            self.guild_id,
            frozenset(),
            self.installation.clock(),
            message_id or f"message-{self.numbers[0]}",
        )
        for one in translate(parse(kind, event), context):
            self.handle(one)

    def receive(self) -> None:
        """What has arrived in the inbox is handled."""
        services = self.installation.services
        translates = {**TWITCH.translates, **INBOX.translates}
        worker = Worker(services.database, translates, collect([FEATURE]), services.clock)
        while worker.work_once():
            pass

    def web(self) -> FlaskClient:
        """The whole web application."""
        return web(self.installation.services, load_features()).test_client()

    def handle(self, event: Event) -> None:
        with self.installation.services.database.begin() as tx:
            FEATURE.handlers[type(event)](tx, event)

    def hear_vip(self, what: str, person: str) -> None:
        """`channel.vip.add` and the like."""
        event = {"broadcaster_user_id": str(NORA), "user_id": str(PEOPLE[person])}
        self.hear(f"channel.{what}", {**event, "user_name": person})

    # -- what there is ----------------------------------------------------------------------

    @property
    def channel(self) -> dict[str, Any]:
        """The fake channel."""
        found: dict[str, Any] = self.installation.twitch.state()["channels"][0]
        return found

    @property
    def vips(self) -> list[str]:
        """Handles of the VIPs on Twitch."""
        return list(self.channel["vips"])

    def status(self, redemption_id: str) -> str:
        """How Twitch has it."""
        found = {
            redemption["id"]: redemption["status"] for redemption in self.channel["redemptions"]
        }
        return str(found[redemption_id])

    def twitch_reward(self, title: str = "VIP") -> dict[str, Any] | None:
        return next(
            (reward for reward in self.channel["rewards"] if reward["title"] == title), None
        )

    def sessions(self) -> list[Session]:
        return list(self.do(lambda work: work.scalars(select(Session).order_by("number")).all()))

    @property
    def session(self) -> Session:
        """The only live one."""
        (found,) = self.do(store.list_live)
        return found

    def redemption(self, redemption_id: str) -> Redemption:
        found = self.do(lambda work: work.find(Redemption, redemption_id))
        assert found is not None
        return found

    def chat(self) -> list[str]:
        """Lines for the chat, oldest first."""
        return [FEATURE.lines[kind](payload) for kind, payload in self._posted("twitch")]

    def posts(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of posts in Discord."""
        return [payload for one, payload in self._posted("discord") if one == kind]

    def _posted(self, service: str) -> list[tuple[str, dict[str, Any]]]:
        ours = (messages.c.guild_id == self.guild_id) & (messages.c.service == service)
        with self.installation.services.database.begin() as tx:
            found = tx.execute(select(messages).where(ours).order_by(messages.c.id))
            return [(row.kind, row.payload) for row in found if row.kind.startswith("vips.")]

    def acts(self) -> list[str]:
        """The activity log, oldest first."""
        return [one.act for one in reversed(self.do(store.list_activity))]


def open_scene(installation: Installation) -> Scene:
    installation.connect()
    made = Scene(installation, VipRunner(installation.services))
    made.work()
    assert made.do(lambda work: actions.get_channel_state(work).trouble) == ""
    return made
