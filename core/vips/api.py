"""The HTTP API for VIPs and channel-point rewards."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from core.kit.database.work import Work
from core.kit.services import Services
from core.kit.text.words import _, plural
from core.kit.web.api import Api, ApiModel, Call, Done, Id, Paging, Part, part_of
from core.twitch.bodies import PLATFORM
from core.vips import actions, lookup, rewards, store
from core.vips.records import KnownVip, Pause, Reward, RewardState, Session, SessionState, Source
from core.vips.rules import MAX_MINUTES, MIN_MINUTES, RewardForm

API = Api("vips")

_MAX_NUMBER = 2**31 - 1

Number = Annotated[int, Field(ge=1, le=_MAX_NUMBER, description="Counts up within the server.")]
Minutes = Annotated[
    int, Field(ge=MIN_MINUTES, le=MAX_MINUTES, description="The server's default if left out.")
]
Limit = Annotated[int, Field(ge=0, le=_MAX_NUMBER, description="0 for any number.")]
Cost = Annotated[int, Field(ge=1, le=2_000_000_000, description="In channel points.")]


# -- VIPs -----------------------------------------------------------------------------------------


class Vip(ApiModel):
    """A VIP of the bot, or somebody who is about to become one."""

    number: int
    viewer_id: Id
    twitch_user_id: Id
    name: str
    platform: str = Field(PLATFORM, description="Whose name and id these are.")
    source: Source
    state: SessionState = Field(description="`granting` and `ending` wait for Twitch.")
    started_at: datetime | None
    ends_at: datetime | None = Field(description="Empty as long as they subscribe.")


class ManualVip(ApiModel):
    """Somebody who was added as VIP on Twitch."""

    viewer_id: Id
    twitch_user_id: Id
    name: str
    platform: str = Field(PLATFORM, description="Whose name and id these are.")


class VipList(Part):
    """Everybody who is VIP, or a part of them."""

    vips: list[Vip]
    manual: list[ManualVip]


class NewVip(ApiModel):
    """Who becomes VIP, by a name on Twitch."""

    viewer: str = Field(min_length=1, max_length=100)
    minutes: Minutes | None = None


class Adoption(NewVip):
    """A VIP that was added on Twitch, and how long it lasts from now."""


class Extension(ApiModel):
    """Time to add to one VIP, or without a number to all of them."""

    number: Number | None = None
    minutes: Minutes


class ByNumber(ApiModel):
    """One of a list."""

    number: Number


_GIVEN = {"name", "platform"}


def _vip(session: Session) -> Vip:
    same = {name: getattr(session, name) for name in Vip.model_fields if name not in _GIVEN}
    return Vip(name=session.viewer_name, **same)


def _manual(vip: KnownVip) -> ManualVip:
    return ManualVip(
        viewer_id=vip.viewer_id, twitch_user_id=vip.twitch_user_id, name=vip.viewer_name
    )


def _shown(work: Work, session: Session) -> Vip:
    work.flush()
    work.refresh(session)
    return _vip(session)


@API.get("/vip")
def list_vips(call: Call, asked: Paging) -> VipList:
    """List all VIPs.

    Within a page, those that end first come first.
    """

    def load(work: Work) -> VipList:
        live, manual = store.list_live(work), store.list_manual(work)
        everybody = {vip.viewer_id for vip in (*live, *manual)}
        later = sorted(viewer_id for viewer_id in everybody if viewer_id > (asked.cursor or 0))
        shown, following = part_of(later, asked.limit, int)
        return VipList(
            vips=[_vip(session) for session in live if session.viewer_id in shown],
            manual=[_manual(vip) for vip in manual if vip.viewer_id in shown],
            next_cursor=following,
        )

    return call.run(load)


@API.post("/vip", status=201)
def give_vip(call: Call, sent: NewVip) -> Vip:
    """Give somebody VIP, or extend the VIP that they have from the bot."""
    person = lookup.find_person(call.services, call.guild_id, sent.viewer)

    def give(work: Work) -> Vip:
        return _shown(work, actions.give(work, person, sent.minutes))

    return call.run(give)


@API.patch("/vip")
def adopt_vip(call: Call, sent: Adoption) -> Vip:
    """Set an end for a VIP who was added on Twitch."""

    def adopt(work: Work) -> Vip:
        known = lookup.find_manual(work, sent.viewer)
        return _shown(work, actions.adopt(work, known.viewer_id, sent.minutes))

    return call.run(adopt)


@API.delete("/vip")
def revoke_vip(call: Call, asked: ByNumber) -> Done:
    """End somebody's VIP early."""
    call.run(actions.revoke, asked.number)
    return Done(message=_("VIP #{number} is being removed.").format(number=asked.number))


@API.post("/vip/extend")
def extend_vip(call: Call, sent: Extension) -> Done:
    """Add time to one VIP, or to all."""
    if sent.number is None:
        count = call.run(actions.extend_all, sent.minutes)
        return Done(message=plural("{count} VIP extended.", "{count} VIPs extended.", count))
    call.run(actions.extend, sent.number, sent.minutes)
    return Done(message=_("VIP #{number} extended.").format(number=sent.number))


class Expired(ApiModel):
    """How many expired VIPs are being removed."""

    expired: int


@API.post("/cron/remove-expired-vips", secret="cron_secret")
def remove_expired_vips(services: Services) -> Expired:
    """Remove the expired VIPs of all servers.

    The bot does this automatically; this endpoint is for external cron jobs.
    """
    with services.database.begin() as tx:
        guild_ids = store.list_guilds(tx)
    count = 0
    for guild_id in guild_ids:
        with services.work_in(guild_id) as work:
            count += actions.expire_due(work)
    return Expired(expired=count)


# -- rewards --------------------------------------------------------------------------------------


class RewardInfo(ApiModel):
    """A channel-point reward."""

    number: int
    reward_id: str | None = Field(description="Twitch's.")
    title: str
    cost: int
    prompt: str
    colour: str
    minutes: int
    max_per_stream: int
    max_per_user: int
    cooldown_seconds: int
    is_enabled: bool
    state: RewardState
    pause: Pause
    is_ours: bool = Field(description="Those created elsewhere cannot be refunded.")
    is_used: bool = Field(description="Redeeming it gives VIP.")
    is_pending: bool = Field(description="The newest change was not sent to Twitch yet.")
    trouble: str


class RewardList(Part):
    """The rewards of the channel, or a part of them."""

    rewards: list[RewardInfo]


class NewReward(ApiModel):
    """A reward to create."""

    title: str = Field(min_length=1, max_length=45)
    cost: Cost
    prompt: str = Field("", max_length=200)
    colour: str = Field("#9147FF", pattern="^#[0-9A-Fa-f]{6}$")
    minutes: int = Field(0, ge=0, le=MAX_MINUTES, description="0 for the server's default.")
    max_per_stream: Limit = 0
    max_per_user: Limit = 1
    cooldown_seconds: int = Field(0, ge=0, le=604_800)


class RewardChange(ApiModel):
    """The fields of a reward to change."""

    number: Number
    title: str | None = Field(None, min_length=1, max_length=45)
    cost: Cost | None = None
    prompt: str | None = Field(None, max_length=200)
    colour: str | None = Field(None, pattern="^#[0-9A-Fa-f]{6}$")
    minutes: int | None = Field(None, ge=0, le=MAX_MINUTES)
    max_per_stream: Limit | None = None
    max_per_user: Limit | None = None
    cooldown_seconds: int | None = Field(None, ge=0, le=604_800)
    is_enabled: bool | None = None
    is_paused: bool | None = None
    is_used: bool | None = None
    again: bool = Field(False, description="Create it again after it was deleted on Twitch.")


def _reward(reward: Reward) -> RewardInfo:
    return RewardInfo(**{name: getattr(reward, name) for name in RewardInfo.model_fields})


@API.get("/channel-points")
def list_rewards(call: Call, asked: Paging) -> RewardList:
    """List the channel-point rewards, by number."""
    listed = call.run(store.list_rewards)
    later = [reward for reward in listed if reward.number > (asked.cursor or 0)]
    shown, following = part_of(later, asked.limit, lambda reward: reward.number)
    return RewardList(rewards=[_reward(reward) for reward in shown], next_cursor=following)


@API.post("/channel-points", status=201)
def create_reward(call: Call, sent: NewReward) -> RewardInfo:
    """Create a reward that sells VIP."""
    form = RewardForm(**sent.model_dump())
    return _reward(call.run(rewards.create_reward, form))


@API.patch("/channel-points")
def change_reward(call: Call, sent: RewardChange) -> RewardInfo:
    """Change, pause or resume a reward, or create it again."""
    values = sent.model_dump(exclude={"number", "is_paused", "is_used", "again"})

    def change(work: Work) -> Reward:
        reward = store.get_reward(work, sent.number)
        if sent.again:
            reward = rewards.recreate_reward(work, sent.number)
        if any(value is not None for value in values.values()):
            reward = rewards.change_reward(work, sent.number, **values)
        if sent.is_used is not None:
            reward = rewards.use_reward(work, sent.number, used=sent.is_used)
        if sent.is_paused is not None:
            reward = rewards.pause_reward(work, sent.number, paused=sent.is_paused)
        return reward

    return _reward(call.run(change))


@API.delete("/channel-points")
def delete_reward(call: Call, asked: ByNumber) -> Done:
    """Delete a reward. Its open redemptions are refunded first."""
    reward = call.run(rewards.delete_reward, asked.number)
    return Done(message=_("Deleted the reward {title}.").format(title=reward.title))
