"""Applies the sessions, rewards and redemptions of a server to Twitch.

Calls are made outside of transactions, and each result is stored immediately. A call whose response
was lost is only repeated after reading the current state from Twitch. A call that fails is retried
later and does not stop the others, unless Twitch does not answer at all.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from core.guilds.actions import load_settings
from core.kit.database.work import Work
from core.kit.errors import Outage
from core.kit.runtime.wire import NoAnswer
from core.kit.tasks import slices
from core.twitch.accounts import actions as accounts
from core.twitch.bodies import MANAGE_REDEMPTIONS
from core.twitch.client import MAX_IDS_PER_REQUEST
from core.twitch.wire import TwitchRejected
from core.vips import (
    actions,
    announcements,
    leaving,
    outcomes,
    pace,
    redemptions,
    rewards,
    store,
    troubles,
)
from core.vips.calls import TwitchCalls, accepting
from core.vips.records import Change, ChannelState, EndReason, Redemption, Reward, Session
from core.vips.rules import LIST_INTERVAL, SWEEP, SWEEP_INTERVAL, VipSettings

MAX_AT_ONCE = 50
"""Maximum of each kind per run."""

GONE = (404,)
INVALID = (400, 422)
"""Statuses with which Twitch rejects an invalid reward."""

_FAILURE_REASONS: Mapping[int, EndReason] = {
    400: "refused",
    404: "unknown",
    409: "full",
    425: "locked",
}
"""Status -> why Twitch refused to make somebody VIP."""


class GuildSync(TwitchCalls):
    """One run for a server: find what is due, and call Twitch."""

    def run(self) -> None:
        """Raises ReconnectNeeded if the streamer must reconnect first."""
        if not self._channel_id:
            return
        self._in_work(leaving.leave_others, self._channel_id)
        self._in_work(actions.expire_due)
        self._in_work(announcements.warn_due)
        state, has_redemptions = self._in_work(self._load_state)
        if has_redemptions:
            self._push_rewards()
            if state.rewards_due or _is_due(state.rewards_listed_at, LIST_INTERVAL, self._now()):
                self._list("rewards", self._list_rewards)
            if state.redemptions_due or _is_due(state.swept_at, SWEEP_INTERVAL, self._now()):
                self._sweep()
        if state.vips_due or _is_due(state.listed_at, LIST_INTERVAL, self._now()):
            self._list("vips", self._list_vips)
        self._in_work(outcomes.forget_full)
        self._decide()
        self._grant()
        self._decide_on_twitch()
        self._remove()
        if has_redemptions:
            self._push_rewards()
        self._in_work(troubles.review)
        leaving.disconnect_if_done(self._services, self._guild_id)

    # -- helpers ----------------------------------------------------------------------------

    def _load_state(self, work: Work) -> tuple[ChannelState, bool]:
        account = accounts.get_account(work, "streamer")
        return actions.get_channel_state(work), MANAGE_REDEMPTIONS in account.scopes

    # -- rewards ----------------------------------------------------------------------------

    def _push_rewards(self) -> None:
        self._each(self._push_one, self._in_work(store.list_due_rewards), _number_of)

    def _push_one(self, reward: Reward) -> None:
        if reward.state == "deleting":
            self._delete_reward(reward)
            return
        try:
            found = self._push(reward)
        except NoAnswer:
            self._in_work(actions.request_refresh, rewards=True)
            raise
        except TwitchRejected as rejected:
            if rejected.status in GONE:
                self._in_work(rewards.record_gone, reward.number)
            elif rejected.status in INVALID:
                self._in_work(
                    rewards.record_refused, reward.number, reward.version, rejected.reason
                )
            else:
                raise
            return
        self._in_work(rewards.record_pushed, reward.number, reward.version, found)

    def _push(self, reward: Reward) -> Any:
        if reward.reward_id is not None:
            fields = rewards.fields_of(reward, creates=False)
            return self._ask(self._client.change_reward, reward.reward_id, fields)
        # An earlier attempt may have created it.
        for found in self._ask(self._client.list_rewards, ours_only=True):
            if found.title.casefold() == reward.title.casefold():
                return found
        return self._ask(self._client.create_reward, rewards.fields_of(reward, creates=True))

    def _delete_reward(self, reward: Reward) -> None:
        """Delete it once nothing is open: Twitch would keep the points."""
        assert reward.reward_id is not None, "else it would be removed already"
        self._sweep_reward(reward)
        self._decide()
        self._decide_on_twitch()
        with accepting(*GONE):
            if self._ask(self._client.list_redemptions, reward.reward_id):
                return
            self._ask(self._client.delete_reward, reward.reward_id)
        self._in_work(rewards.record_gone, reward.number)

    def _list_rewards(self) -> None:
        asked_at = self._now()
        try:
            every = self._ask(self._client.list_rewards, ours_only=False)
        except TwitchRejected as rejected:
            # Neither affiliate nor partner, which only matters if there are rewards.
            if rejected.status != 403 or self._in_work(store.list_rewards):
                raise
            every = []
        ours = self._ask(self._client.list_rewards, ours_only=True) if every else []
        ids = frozenset(our.id for our in ours)
        self._in_work(rewards.record_listed, every, ids, asked_at)

    # -- redemptions ------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Store open redemptions whose events were missed."""

        def wanted(work: Work) -> list[Reward]:
            found = store.list_rewards(work)
            return [
                reward for reward in found if reward.is_ours and reward.state in ("on", "deleting")
            ]

        swept = self._in_work(wanted)
        for reward in swept:
            failure = self._failure_of(self._sweep_reward, reward)
            self._in_work(troubles.record_list, f"{SWEEP}{reward.number}", failure)
        self._in_work(outcomes.record_swept, {f"{SWEEP}{reward.number}" for reward in swept})

    def _sweep_reward(self, reward: Reward) -> None:
        try:
            listed = self._ask(self._client.list_redemptions, reward.reward_id)
        except TwitchRejected as rejected:
            self._in_work(actions.request_refresh, rewards=True)  # it may be deleted, or not ours
            if rejected.status in GONE:
                return
            raise
        self._in_work(redemptions.add_listed, reward.number, listed)

    def _decide(self) -> None:
        if self._in_work(actions.find_other_manager) is not None:
            self._in_work(redemptions.leave_received)  # to the server that manages the channel
            return
        self._in_work(redemptions.refund_orphans)
        due = self._in_work(store.list_due_redemptions, "received", MAX_AT_ONCE)
        if not due:
            return
        settings = self._in_work(load_settings, VipSettings)
        subscribers: set[int] = set()
        if settings.subscribers_only:
            asked = [redemption.viewer_id for redemption in due]
            found: list[set[int]] = []
            failure = self._failure_of(lambda: found.append(self._subscribers(asked)))
            if failure is not None:
                for waiting in due:
                    self._in_work(troubles.postpone, Redemption, waiting.redemption_id, failure)
                return
            subscribers = found[0]

        def decide(redemption: Redemption) -> None:
            if self._is_decided(redemption):
                return
            is_subscriber = redemption.viewer_id in subscribers
            self._in_work(redemptions.decide, redemption.redemption_id, is_subscriber=is_subscriber)

        self._each(decide, due, _id_of)

    def _is_decided(self, redemption: Redemption) -> bool:
        """Whether a redemption was decided on Twitch, which is then stored: granting VIP after that
        would be free."""
        reward = self._in_work(store.find_own_reward, redemption)
        if reward is None or redemption.is_final:
            return False
        redemption_id = redemption.redemption_id
        try:
            listed = self._ask(self._client.list_redemptions, reward.reward_id, redemption_id)
        except TwitchRejected as rejected:
            if rejected.status not in GONE:
                raise
            listed = []
        status = listed[0].status if listed else "CANCELED"
        is_decided = status != "UNFULFILLED"
        if is_decided:
            was_refunded = status == "CANCELED"
            self._in_work(redemptions.record_decided, redemption_id, was_refunded=was_refunded)
        return is_decided

    def _subscribers(self, viewer_ids: Sequence[int]) -> set[int]:
        """Which of these viewers subscribe."""

        def accounts(work: Work) -> dict[int, int]:
            found = {viewer_id: actions.twitch_account(work, viewer_id) for viewer_id in viewer_ids}
            return {pair[1]: viewer_id for viewer_id, pair in found.items() if pair is not None}

        by_account = self._in_work(accounts)
        found: set[int] = set()
        for some in slices(list(by_account), MAX_IDS_PER_REQUEST):
            found |= self._ask(self._list_subscribers, some)
        return {viewer_id for user_id, viewer_id in by_account.items() if user_id in found}

    def _list_subscribers(self, token: str, channel_id: int, user_ids: Sequence[int]) -> set[int]:
        listed = self._client.list_subscribers(token, channel_id, user_ids)
        return {subscriber.user_id for subscriber in listed}

    def _decide_on_twitch(self) -> None:
        """Fulfil granted redemptions, and refund the others."""
        for state, status in (("granted", "FULFILLED"), ("refunding", "CANCELED")):
            due = self._in_work(store.list_due_redemptions, state, MAX_AT_ONCE)
            self._each(lambda item, status=status: self._decide_one(item, status), due, _id_of)  # type: ignore[misc]

    def _decide_one(self, redemption: Redemption, status: Any) -> None:
        """Store the final status, which differs if the streamer was faster."""
        reward = self._in_work(store.find_own_reward, redemption)
        found = str(status)
        if reward is None:
            found = "GONE"
        else:
            key = (reward.reward_id, redemption.redemption_id)
            try:
                self._ask(self._client.decide_redemption, *key, status)
            except TwitchRejected as rejected:
                if rejected.status not in GONE:
                    raise
                found = "GONE"
                with accepting(*GONE):
                    for listed in self._ask(self._client.list_redemptions, *key):
                        found = listed.status
        self._in_work(redemptions.record_decision, redemption.redemption_id, found)

    # -- VIPs -------------------------------------------------------------------------------

    def _change_due(self, state: str, change: Change, step: Callable[[Session], object]) -> None:
        with self._services.database.begin() as tx:
            maximum = pace.remaining(tx, self._channel_id, change, self._now())
        if maximum > 0:
            due = self._in_work(store.list_due_sessions, state, maximum)
            self._each(step, due, _number_of)

    def _grant(self) -> None:
        self._change_due("granting", "add", self._grant_one)

    def _grant_one(self, session: Session) -> None:
        """Make somebody VIP. If they are already VIP, it was us only if we called before."""
        who = session.twitch_user_id
        if session.attempts and self._is_withdrawn(session):
            return
        is_vip = bool(self._ask(self._client.list_vips, who))
        if is_vip:
            self._in_work(outcomes.record_found, session.number)
            return
        if not self._in_work(outcomes.start_call, session.number, "granting"):
            return
        try:
            self._ask(self._client.add_vip, who)
        except TwitchRejected as rejected:
            self._note_no_effect(session)
            reason: EndReason | None = self._failure_reason(rejected, who)
            if reason == "already_vip" and session.is_unsure:
                reason = None  # an earlier call worked, which the list did not show yet
            self._in_work(outcomes.record_grant, session.number, reason)
            return
        except NoAnswer:
            raise
        except Outage:
            self._note_no_effect(session)
            raise
        self._in_work(outcomes.record_grant, session.number, None)

    def _note_no_effect(self, session: Session) -> None:
        """This call had no effect; an earlier one whose response was lost may have had one."""
        if not session.is_unsure:
            self._in_work(outcomes.record_no_effect, session.number)

    def _is_withdrawn(self, session: Session) -> bool:
        """Whether a redemption of the session was decided on Twitch since."""
        for redemption in self._in_work(store.waiting_for, session.number):
            self._is_decided(redemption)
        return self._in_work(store.get_session, session.number).state != "granting"

    def _failure_reason(self, rejected: TwitchRejected, who: int) -> EndReason:
        """Why Twitch rejected it permanently; otherwise raises the rejection."""
        if rejected.status == 422:  # a moderator, or just became VIP
            return "already_vip" if self._ask(self._client.list_vips, who) else "moderator"
        if rejected.status not in _FAILURE_REASONS:
            raise rejected
        return _FAILURE_REASONS[rejected.status]

    def _remove(self) -> None:
        self._change_due("ending", "remove", self._remove_one)

    def _remove_one(self, session: Session) -> None:
        who = session.twitch_user_id
        if session.end_reason == "removed_on_twitch":
            # Already over; if they are VIP now, somebody added them by hand.
            reason: EndReason = "moderator" if self._moderators([who]) else "removed_on_twitch"
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
        with accepting(400, 404, 422):  # not VIP, or no such account
            self._ask(self._client.remove_vip, who)
        self._in_work(outcomes.record_removed, session.number)

    def _moderators(self, user_ids: Sequence[int]) -> set[int]:
        """Which of these accounts are moderators; none if the call fails, because only the stated
        reason of an end depends on it."""
        found: set[int] = set()
        for some in slices(user_ids, MAX_IDS_PER_REQUEST):
            with suppress(TwitchRejected, Outage):
                listed = self._ask(self._client.list_moderators, some)
                found |= {moderator.user_id for moderator in listed}
        return found

    def _list_vips(self) -> None:
        """Compare the list of VIPs with the sessions."""
        asked_at = self._now()
        vips = self._ask(self._client.list_vips)
        missing = self._in_work(outcomes.list_missing, {vip.user_id for vip in vips}, asked_at)
        moderators = self._moderators([session.twitch_user_id for session in missing])
        subscribers: list[set[int] | None] = []
        failure = self._failure_of(lambda: subscribers.append(self._check_subscribers()))
        self._in_work(troubles.record_list, "subscribers", failure)
        known = subscribers[0] if subscribers else None
        self._in_work(outcomes.record_listed, vips, moderators, known, asked_at)

    def _check_subscribers(self) -> set[int] | None:
        """Which VIPs "while they subscribe" still subscribe; None if there are no such VIPs."""

        def endless(work: Work) -> list[int]:
            wanted = select(Session.viewer_id).where(
                Session.state == "active", Session.minutes.is_(None)
            )
            return list(work.scalars(wanted))

        viewer_ids = self._in_work(endless)
        return self._subscribers(viewer_ids) if viewer_ids else None


def _number_of(item: Session | Reward) -> int:
    return item.number


def _id_of(redemption: Redemption) -> str:
    return redemption.redemption_id


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or last + every <= now
