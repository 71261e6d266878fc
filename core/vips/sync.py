"""Applies the sessions, rewards and redemptions of a server to Twitch.

Calls are made outside of transactions, and each result is stored at once. A call whose answer was
lost is repeated only after the current state was read from Twitch.
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
from core.vips.records import ChannelState, EndReason, Redemption, Reward, Session
from core.vips.rules import (
    LIST_EVERY,
    MOST_ADDS,
    MOST_REMOVALS,
    SWEEP_EVERY,
    WINDOW,
    VipSettings,
)

MOST_AT_ONCE = 50
"""Of each kind in one run."""

DECLINED = range(400, 500)
"""Statuses with which Twitch declines what is asked."""

_FAILURE_REASONS: Mapping[int, EndReason] = {
    400: "refused",
    404: "unknown",
    409: "full",
    425: "locked",
}
"""Why Twitch refused to make somebody VIP, by status."""

Change = Literal["add", "remove"]

T = TypeVar("T")


class Pacer:
    """Limits the changes of each kind in `WINDOW`."""

    def __init__(self) -> None:
        self._made: dict[Change, deque[datetime]] = {"add": deque(), "remove": deque()}

    def remaining(self, change: Change, now: datetime) -> int:
        """How many may be made now."""
        made = self._made[change]
        while made and made[0] <= now - WINDOW:
            made.popleft()
        return {"add": MOST_ADDS, "remove": MOST_REMOVALS}[change] - len(made)

    def count(self, change: Change, now: datetime) -> None:
        self._made[change].append(now)


class GuildSync:
    """One run for a server: find what is due, and call Twitch."""

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
        state, has_redemptions = self._in_work(self._load_state)
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
        self._decide_on_twitch()
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
        """Call Twitch with the streamer's token, renewed once if Twitch rejects it.

        Raises:
            TwitchRejected: with one of the expected statuses.
            Outage: with another status. 403 means a token of another channel or a temporary
                problem at Twitch.
            ReconnectNeeded: the token is not valid, or lacks a permission.
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

    def _load_state(self, work: Work) -> tuple[ChannelState, bool]:
        account = accounts.get_account(work, "streamer")
        return actions.get_channel_state(work), MANAGE_REDEMPTIONS in account.scopes

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
                self._in_work(actions.request_refresh, rewards=True)
                raise
            except TwitchRejected as rejected:
                if rejected.status == 404:
                    self._in_work(rewards.record_gone, reward.number)
                    continue
                self._in_work(
                    rewards.record_refused, reward.number, reward.version, rejected.reason
                )
                continue
            self._in_work(rewards.record_pushed, reward.number, reward.version, found)

    def _push(self, reward: Reward) -> Any:
        if reward.reward_id is not None:
            fields = rewards.fields_of(reward, creates=False)
            return self._ask(self._client.change_reward, reward.reward_id, fields, expects=DECLINED)
        # An earlier attempt may have created it.
        for found in self._ask(self._client.list_rewards, ours_only=True):
            if found.title.casefold() == reward.title.casefold():
                return found
        fields = rewards.fields_of(reward, creates=True)
        return self._ask(self._client.create_reward, fields, expects=DECLINED)

    def _delete_reward(self, reward: Reward) -> None:
        """Delete it once nothing is open: Twitch would keep the points."""
        assert reward.reward_id is not None, "else it would be removed already"
        self._sweep_reward(reward)
        self._decide()
        self._decide_on_twitch()
        with suppress(TwitchRejected):
            if self._ask(self._client.list_redemptions, reward.reward_id, expects=(404,)):
                return
            self._ask(self._client.delete_reward, reward.reward_id, expects=(404,))
        self._in_work(rewards.record_gone, reward.number)

    def _list_rewards(self) -> None:
        try:
            every = self._ask(self._client.list_rewards, ours_only=False, expects=(403,))
        except TwitchRejected:  # neither affiliate nor partner
            self._in_work(
                lambda work: setattr(actions.get_channel_state(work), "rewards_due", False)
            )
            return
        ours = self._ask(self._client.list_rewards, ours_only=True)
        self._in_work(rewards.record_listed, every, frozenset(one.id for one in ours))

    # -- redemptions ------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Store open redemptions whose events were missed."""

        def wanted(work: Work) -> list[Reward]:
            found = store.list_rewards(work)
            return [one for one in found if one.is_ours and one.state in ("on", "deleting")]

        for reward in self._in_work(wanted):
            self._sweep_reward(reward)

        def done(work: Work) -> None:
            state = actions.get_channel_state(work)
            state.redemptions_due, state.swept_at = False, work.now

        self._in_work(done)

    def _sweep_reward(self, reward: Reward) -> None:
        try:
            listed = self._ask(self._client.list_redemptions, reward.reward_id, expects=(404,))
        except TwitchRejected:
            self._in_work(actions.request_refresh, rewards=True)
            return
        self._in_work(redemptions.add_listed, reward.number, listed)

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

    def _decide_on_twitch(self) -> None:
        """Fulfil what was granted, and refund what was not."""
        for state, status in (("granted", "FULFILLED"), ("refunding", "CANCELED")):
            for one in self._in_work(store.list_due_redemptions, state, MOST_AT_ONCE):
                reward = self._in_work(store.get_reward, one.reward)
                try:
                    found = self._decide_one(reward.reward_id, one.redemption_id, status)
                except Outage:
                    self._in_work(outcomes.postpone, Redemption, one.redemption_id)
                    raise
                self._in_work(redemptions.record_decision, one.redemption_id, found)

    def _decide_one(self, reward_id: str | None, redemption_id: str, status: Any) -> str:
        """Return the final status, which is another one if the streamer was faster."""
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
        most = self._pacer.remaining("add", self._now())
        if most <= 0:
            return
        for session in self._in_work(store.list_due_sessions, "granting", most):
            try:
                self._grant_one(session)
            except Outage:
                self._in_work(outcomes.postpone, Session, session.number)
                raise

    def _grant_one(self, session: Session) -> None:
        """Make somebody VIP. If they are VIP already, it is through us only if we asked before."""
        who = session.twitch_user_id
        is_vip = bool(self._ask(self._client.list_vips, who))
        if is_vip:
            self._in_work(
                outcomes.record_grant, session.number, None if session.is_unsure else "already_vip"
            )
            return
        if not self._in_work(outcomes.start_call, session.number, "granting"):
            return
        self._pacer.count("add", self._now())
        try:
            self._ask(self._client.add_vip, who, expects=(400, 404, 409, 422, 425))
        except TwitchRejected as rejected:
            self._in_work(
                outcomes.record_grant, session.number, self._failure_reason(rejected, who)
            )
            return
        self._in_work(outcomes.record_grant, session.number, None)

    def _failure_reason(self, rejected: TwitchRejected, who: int) -> EndReason:
        if rejected.status == 422:
            is_moderator = self._ask(self._client.list_moderators, [who])
            return "moderator" if is_moderator else "already_vip"
        return _FAILURE_REASONS[rejected.status]

    def _remove(self) -> None:
        most = self._pacer.remaining("remove", self._now())
        if most <= 0:
            return
        for session in self._in_work(store.list_due_sessions, "ending", most):
            try:
                self._remove_one(session)
            except Outage:
                self._in_work(outcomes.postpone, Session, session.number)
                raise

    def _remove_one(self, session: Session) -> None:
        who = session.twitch_user_id
        if session.end_reason == "removed_on_twitch":
            # Already over; if they are VIP now, somebody added them by hand.
            is_moderator = bool(self._ask(self._client.list_moderators, [who]))
            reason: EndReason = "moderator" if is_moderator else "removed_on_twitch"
            self._in_work(outcomes.record_removed, session.number, reason)
            return
        with self._services.database.begin() as tx:
            is_kept = store.has_other_session(tx, session)
        if session.is_unsure and not is_kept:
            is_kept = not self._ask(self._client.list_vips, who)  # the lost call worked
        if is_kept:
            self._in_work(outcomes.record_removed, session.number)
            return
        if not self._in_work(outcomes.start_call, session.number, "ending"):
            return
        self._pacer.count("remove", self._now())
        with suppress(TwitchRejected):  # not VIP, or no such account
            self._ask(self._client.remove_vip, who, expects=(400, 404, 422))
        self._in_work(outcomes.record_removed, session.number)

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
        self._in_work(outcomes.record_listed, vips, moderators, subscribers, asked_at)

    def _check_subscribers(self) -> set[int] | None:
        """Who of those with VIP while they subscribe still does; None if there are no such VIPs."""

        def endless(work: Work) -> list[int]:
            wanted = select(Session.viewer_id).where(
                Session.state == "active", Session.minutes.is_(None)
            )
            return list(work.scalars(wanted))

        viewer_ids = self._in_work(endless)
        return self._subscribers(viewer_ids) if viewer_ids else None


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or last + every <= now
