"""Makes Twitch as the sessions, rewards and redemptions of a server say.

Every call is made outside of a transaction, and what it brought is stored at once. A call whose
outcome is not known is never simply repeated: Twitch is asked first what there is.
"""

from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from sqlalchemy import select

from core.guilds import store as guilds
from core.guilds.actions import load_settings
from core.kit.errors import Outage
from core.kit.oauth_tokens import ReconnectNeeded
from core.kit.services import Services
from core.kit.tasks import slices
from core.kit.wire import NoAnswer
from core.kit.work import Work
from core.twitch.accounts import actions as accounts
from core.twitch.accounts.tokens import refresh_after_401, user_token
from core.twitch.bodies import MANAGE_REDEMPTIONS, PLATFORM
from core.twitch.client import MOST_IN_A_QUESTION, TwitchClient, client_of
from core.twitch.wire import TwitchRejected
from core.vips import actions, announcements, outcomes, redemptions, rewards, store
from core.vips.records import ChannelState, EndReason, Reward, Session
from core.vips.rules import (
    LIST_EVERY,
    MOST_ADDS,
    MOST_REMOVALS,
    SWEEP_EVERY,
    WINDOW,
    VipSettings,
)

MOST_AT_ONCE = 50
"""Of each kind in one look; the next one goes on."""

DECLINED = range(400, 500)
"""Statuses with which Twitch declines what is asked."""

_WHY_NOT: Mapping[int, EndReason] = {
    400: "refused",
    404: "unknown",
    409: "full",
    425: "locked",
}
"""What Twitch means when it does not make somebody VIP."""

Change = Literal["add", "remove"]

T = TypeVar("T")


class Pacer:
    """At most so many changes of each kind in `WINDOW`."""

    def __init__(self) -> None:
        self._made: dict[Change, deque[datetime]] = {"add": deque(), "remove": deque()}

    def room(self, change: Change, now: datetime) -> int:
        """How many may be made now."""
        made = self._made[change]
        while made and made[0] <= now - WINDOW:
            made.popleft()
        return {"add": MOST_ADDS, "remove": MOST_REMOVALS}[change] - len(made)

    def note(self, change: Change, now: datetime) -> None:
        self._made[change].append(now)


class GuildSync:
    """One look at everything of a server, and the calls that follow."""

    def __init__(self, services: Services, guild_id: int, pacer: Pacer) -> None:
        self._services = services
        self._guild_id = guild_id
        self._pacer = pacer
        self._client: TwitchClient = client_of(services.settings)
        with services.database.begin() as tx:
            channel = guilds.find_channel(tx, guild_id, PLATFORM)
        self._channel_id = channel.channel_id if channel else 0

    def run(self) -> None:
        if not self._channel_id:
            return
        self._in_work(actions.expire_due)
        self._in_work(announcements.warn_due)
        state, has_redemptions = self._in_work(self._read)
        if has_redemptions:
            self._push_rewards()
            if state.rewards_due:
                self._list_rewards()
            if state.redemptions_due or _is_due(state.swept_at, SWEEP_EVERY, self._now()):
                self._sweep()
        if state.vips_due or _is_due(state.listed_at, LIST_EVERY, self._now()):
            self._list_vips()
        self._decide()
        self._grant()
        self._settle()
        self._remove()
        if has_redemptions:
            self._push_rewards()

    # -- helpers ----------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._services.clock()

    def _in_work(self, action: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with self._services.work_in(self._guild_id) as work:
            return action(work, *args, **kwargs)

    def _ask(
        self, call: Callable[..., T], *args: Any, expects: Container[int] = (), **kwargs: Any
    ) -> T:
        """Call Twitch with the streamer's token, renewed once if Twitch does not take it.

        Raises:
            TwitchRejected: Twitch declined with one of the statuses that are expected.
            Outage: with another one. 403 is a token of another channel, or the edge: it passes, or
                an admin has to look.
            ReconnectNeeded: the streamer has to connect again, also where a permission is missing.
        """
        try:
            return self._call(call, *args, **kwargs)
        except TwitchRejected as rejected:
            if rejected.status in expects:
                raise
            raise Outage("Twitch", str(rejected)) from rejected

    def _call(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        key = (self._guild_id, "streamer")
        token = user_token(self._services, *key)
        try:
            return call(token, self._channel_id, *args, **kwargs)
        except TwitchRejected as rejected:
            if rejected.status != 401:
                raise
        token = refresh_after_401(self._services, *key, token)
        try:
            return call(token, self._channel_id, *args, **kwargs)
        except TwitchRejected as rejected:
            if rejected.status != 401:
                raise
            raise ReconnectNeeded(str(rejected), "Run `/connect_twitch` again.") from rejected

    def _read(self, work: Work) -> tuple[ChannelState, bool]:
        account = accounts.get_account(work, "streamer")
        return actions.state_of(work), MANAGE_REDEMPTIONS in account.scopes

    # -- rewards ----------------------------------------------------------------------------

    def _push_rewards(self) -> None:
        def pending(work: Work) -> list[Reward]:
            wanted = select(Reward).where(Reward.is_pending, Reward.is_ours)
            return list(work.scalars(wanted.order_by(Reward.number)))

        for reward in self._in_work(pending):
            if reward.state == "deleting":
                self._delete_reward(reward)
                continue
            try:
                found = self._push(reward)
            except NoAnswer:
                self._in_work(actions.look_again, rewards=True)
                raise
            except TwitchRejected as rejected:
                if rejected.status == 404:
                    self._in_work(rewards.note_gone, reward.number)
                    continue
                self._in_work(rewards.note_refused, reward.number, reward.version, rejected.reason)
                continue
            self._in_work(rewards.note_pushed, reward.number, reward.version, found)

    def _push(self, reward: Reward) -> Any:
        if reward.reward_id is not None:
            fields = rewards.fields_of(reward, creates=False)
            return self._ask(self._client.change_reward, reward.reward_id, fields, expects=DECLINED)
        # An attempt before may have created it.
        for found in self._ask(self._client.list_rewards, ours_only=True):
            if found.title.casefold() == reward.title.casefold():
                return found
        fields = rewards.fields_of(reward, creates=True)
        return self._ask(self._client.create_reward, fields, expects=DECLINED)

    def _delete_reward(self, reward: Reward) -> None:
        """Only once nothing is open: Twitch would keep the points."""
        assert reward.reward_id is not None, "else it would be removed already"
        self._sweep_reward(reward)
        self._decide()
        self._settle()
        with suppress(TwitchRejected):
            if self._ask(self._client.list_redemptions, reward.reward_id, expects=(404,)):
                return
            self._ask(self._client.delete_reward, reward.reward_id, expects=(404,))
        self._in_work(rewards.note_gone, reward.number)

    def _list_rewards(self) -> None:
        try:
            every = self._ask(self._client.list_rewards, ours_only=False, expects=(403,))
        except TwitchRejected:  # neither affiliate nor partner
            self._in_work(lambda work: setattr(actions.state_of(work), "rewards_due", False))
            return
        ours = self._ask(self._client.list_rewards, ours_only=True)
        self._in_work(rewards.note_listed, every, frozenset(one.id for one in ours))

    # -- redemptions ------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Nothing that was missed stays open."""

        def wanted(work: Work) -> list[Reward]:
            found = store.list_rewards(work)
            return [one for one in found if one.is_ours and one.state in ("on", "deleting")]

        for reward in self._in_work(wanted):
            self._sweep_reward(reward)

        def done(work: Work) -> None:
            state = actions.state_of(work)
            state.redemptions_due, state.swept_at = False, work.now

        self._in_work(done)

    def _sweep_reward(self, reward: Reward) -> None:
        try:
            listed = self._ask(self._client.list_redemptions, reward.reward_id, expects=(404,))
        except TwitchRejected:
            self._in_work(actions.look_again, rewards=True)
            return
        self._in_work(redemptions.take_listed, reward.number, listed)

    def _decide(self) -> None:
        self._in_work(redemptions.refund_orphans)
        due = self._in_work(store.list_due_redemptions, "received", MOST_AT_ONCE)
        if not due:
            return
        settings = self._in_work(load_settings, VipSettings)
        subscribers: set[int] = set()
        if settings.subscribers_only:
            subscribers = self._subscribers([one.viewer_id for one in due])
        for one in due:
            is_subscriber = one.viewer_id in subscribers
            self._in_work(redemptions.decide, one.redemption_id, is_subscriber=is_subscriber)

    def _subscribers(self, viewer_ids: Sequence[int]) -> set[int]:
        """Those of these viewers who subscribe."""

        def accounts(work: Work) -> dict[int, int]:
            found = {one: actions.twitch_account(work, one) for one in viewer_ids}
            return {pair[1]: one for one, pair in found.items() if pair is not None}

        by_account = self._in_work(accounts)
        found: set[int] = set()
        for some in slices(list(by_account), MOST_IN_A_QUESTION):
            found |= self._ask(self._list_subscribers, some)
        return {viewer_id for user_id, viewer_id in by_account.items() if user_id in found}

    def _list_subscribers(self, token: str, channel_id: int, user_ids: Sequence[int]) -> set[int]:
        listed = self._client.list_subscribers(token, channel_id, user_ids)
        return {one.user_id for one in listed}

    def _settle(self) -> None:
        """Fulfil what was granted, and refund what was not."""
        for state, status in (("granted", "FULFILLED"), ("refunding", "CANCELED")):
            for one in self._in_work(store.list_due_redemptions, state, MOST_AT_ONCE):
                reward = self._in_work(store.get_reward, one.reward)
                try:
                    found = self._settle_one(reward.reward_id, one.redemption_id, status)
                except Outage:
                    self._in_work(redemptions.postpone, one.redemption_id)
                    raise
                self._in_work(redemptions.note_settled, one.redemption_id, found)

    def _settle_one(self, reward_id: str | None, redemption_id: str, status: Any) -> str:
        """How Twitch has it in the end: another status if the streamer was faster."""
        try:
            self._ask(
                self._client.decide_redemption, reward_id, redemption_id, status, expects=(404,)
            )
        except TwitchRejected:
            with suppress(TwitchRejected):
                one = (reward_id, redemption_id)
                for found in self._ask(self._client.list_redemptions, *one, expects=DECLINED):
                    return found.status
            return "GONE"
        return str(status)

    # -- VIPs -------------------------------------------------------------------------------

    def _grant(self) -> None:
        room = self._pacer.room("add", self._now())
        if room <= 0:
            return
        for session in self._in_work(store.list_due_sessions, "granting", room):
            try:
                self._grant_one(session)
            except Outage:
                self._in_work(outcomes.postpone, session.number)
                raise

    def _grant_one(self, session: Session) -> None:
        """Make somebody VIP. Whoever is VIP already is only ours if we have asked for it."""
        who = session.twitch_user_id
        is_vip = bool(self._ask(self._client.list_vips, who))
        if is_vip:
            self._in_work(
                outcomes.note_grant, session.number, None if session.is_unsure else "already_vip"
            )
            return
        if not self._in_work(outcomes.begin_call, session.number, "granting"):
            return
        self._pacer.note("add", self._now())
        try:
            self._ask(self._client.add_vip, who, expects=(400, 404, 409, 422, 425))
        except TwitchRejected as rejected:
            self._in_work(outcomes.note_grant, session.number, self._why_not(rejected, who))
            return
        self._in_work(outcomes.note_grant, session.number, None)

    def _why_not(self, rejected: TwitchRejected, who: int) -> EndReason:
        if rejected.status == 422:
            is_moderator = self._ask(self._client.list_moderators, [who])
            return "moderator" if is_moderator else "already_vip"
        return _WHY_NOT[rejected.status]

    def _remove(self) -> None:
        room = self._pacer.room("remove", self._now())
        if room <= 0:
            return
        for session in self._in_work(store.list_due_sessions, "ending", room):
            try:
                self._remove_one(session)
            except Outage:
                self._in_work(outcomes.postpone, session.number)
                raise

    def _remove_one(self, session: Session) -> None:
        who = session.twitch_user_id
        if session.end_reason == "removed_on_twitch":
            # It is over already, and whoever is VIP now was made one by hand.
            is_moderator = bool(self._ask(self._client.list_moderators, [who]))
            reason: EndReason = "moderator" if is_moderator else "removed_on_twitch"
            self._in_work(outcomes.note_removed, session.number, reason)
            return
        with self._services.database.begin() as tx:
            is_kept = store.has_other_session(tx, session)
        if session.is_unsure and not is_kept:
            is_kept = not self._ask(self._client.list_vips, who)  # it had its effect
        if is_kept:
            self._in_work(outcomes.note_removed, session.number)
            return
        if not self._in_work(outcomes.begin_call, session.number, "ending"):
            return
        self._pacer.note("remove", self._now())
        with suppress(TwitchRejected):  # no VIP, or nobody, is what we want
            self._ask(self._client.remove_vip, who, expects=(400, 404, 422))
        self._in_work(outcomes.note_removed, session.number)

    def _list_vips(self) -> None:
        """Compare the list of VIPs with the sessions."""
        asked_at = self._now()
        vips = self._ask(self._client.list_vips)
        missing = self._in_work(outcomes.list_missing, {one.user_id for one in vips}, asked_at)
        moderators: set[int] = set()
        for some in slices([one.twitch_user_id for one in missing], MOST_IN_A_QUESTION):
            found = self._ask(self._client.list_moderators, some)
            moderators |= {one.user_id for one in found}
        subscribers = self._check_subscribers()
        self._in_work(outcomes.note_listed, vips, moderators, subscribers, asked_at)

    def _check_subscribers(self) -> set[int] | None:
        """Of those who are VIP while they subscribe, those who still do; None if there are none."""

        def endless(work: Work) -> list[int]:
            wanted = select(Session.viewer_id).where(
                Session.state == "active", Session.minutes.is_(None)
            )
            return list(work.scalars(wanted))

        viewer_ids = self._in_work(endless)
        return self._subscribers(viewer_ids) if viewer_ids else None


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or last + every <= now
