"""Makes Twitch as the sessions, rewards and redemptions say, one server after the other.

Every call is made outside of a transaction, and what it brought is stored at once. A call whose
outcome is not known is never simply repeated: Twitch is asked first what there is.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

import structlog
from sqlalchemy import Connection, any_, literal, select

from core.guilds import store as guilds
from core.guilds.actions import load_settings
from core.kit.errors import Outage, Refusal, backoff, trouble_code
from core.kit.health_item import HealthItem
from core.kit.oauth_tokens import ReconnectNeeded
from core.kit.services import Services
from core.kit.tasks import slices
from core.kit.wire import NoAnswer
from core.kit.work import ACROSS_GUILDS, Lock, Work
from core.twitch.accounts import actions as accounts
from core.twitch.accounts.records import TwitchAccount
from core.twitch.accounts.tokens import refresh_after_401, user_token
from core.twitch.bodies import MANAGE_REDEMPTIONS, MANAGE_VIPS, PLATFORM
from core.twitch.client import MOST_IN_A_QUESTION, TwitchClient, User, client_of
from core.twitch.wire import TwitchRejected
from core.vips import actions, redemptions, rewards, store
from core.vips.records import ChannelState, KnownVip, Reward, Session
from core.vips.rules import (
    LIST_EVERY,
    MOST_ADDS,
    MOST_REMOVALS,
    SETTLES,
    SWEEP_EVERY,
    WINDOW,
    VipSettings,
)

IDLE_SECONDS = 1.0
"""Between two looks at what is due, if nothing wakes the runner."""

AT_ONCE = 4
"""Servers that are worked for at the same time."""

MOST_AT_ONCE = 50
"""Of each kind in one look; the next one goes on."""

Change = Literal["add", "remove"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class VipRunner:
    """Works on a thread for all servers; in each server for one process at a time."""

    def __init__(self, services: Services, idle: float = IDLE_SECONDS) -> None:
        self._services = services
        self._idle = idle
        self._wakeup = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="vips")
        self._pacers: dict[int, Pacer] = defaultdict(Pacer)
        self._pauses: dict[int, tuple[int, datetime]] = {}
        self._seen: set[int] = set()

    def start(self) -> None:
        self._services.bus.subscribe(actions.TOPIC, lambda _message: self._wakeup.set())
        self._thread = threading.Thread(target=self._run, name="vips", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wakeup.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
        self._pool.shutdown(wait=False)

    def status(self) -> list[HealthItem]:
        return []  # `health.check_channels` tells

    def _run(self) -> None:
        while not self._stopping:
            try:
                with self._services.database.begin() as tx:
                    guild_ids = list_guilds(tx)
                list(self._pool.map(self.work_for, guild_ids))
            except Outage as outage:
                _log.warning("VIPs wait", reason=str(outage))
            except Exception:  # it has to go on after every bug
                _log.exception("VIPs failed", code=trouble_code())
            self._wakeup.wait(self._idle)
            self._wakeup.clear()

    def work_for(self, guild_id: int) -> None:
        """Do what is due in a server; never raises."""
        failures, until = self._pauses.get(guild_id, (0, None))
        if until is not None and self._services.clock() < until:
            return
        trouble = ""
        try:
            with self._services.database.only_one(f"vips:{guild_id}") as ours:
                if not ours:
                    return
                if guild_id not in self._seen:
                    # Nobody knows what happened before this process started.
                    with self._services.work_in(guild_id) as work:
                        actions.want_everything(work)
                    self._seen.add(guild_id)
                _GuildRun(self._services, guild_id, self._pacers[guild_id]).run()
        except Outage as outage:
            wait = max(backoff(failures + 1), timedelta(seconds=outage.retry_after or 0))
            self._pauses[guild_id] = (failures + 1, self._services.clock() + wait)
            _log.warning("Twitch did not answer about VIPs", reason=str(outage), guild_id=guild_id)
            return
        except Refusal as refusal:
            trouble = f"{refusal.what} {refusal.remedy}".strip()
            self._pauses[guild_id] = (1, self._services.clock() + timedelta(seconds=30))
        except Exception:
            code = trouble_code()
            _log.exception("VIPs failed", code=code, guild_id=guild_id)
            trouble = f"It failed; search the log for {code}."
            self._pauses[guild_id] = (1, self._services.clock() + timedelta(seconds=30))
        else:
            self._pauses.pop(guild_id, None)
        self._note_trouble(guild_id, trouble)

    def _note_trouble(self, guild_id: int, trouble: str) -> None:
        try:
            with self._services.work_in(guild_id) as work:
                state = actions.state_of(work)
                if state.trouble != trouble:
                    state.trouble = trouble
                    state.trouble_since = work.now if trouble else None
        except Outage:
            return


def list_guilds(tx: Connection) -> Sequence[int]:
    """The servers whose streamer has allowed changing VIPs."""
    allowed = select(TwitchAccount.guild_id).where(
        TwitchAccount.role == "streamer", literal(MANAGE_VIPS) == any_(TwitchAccount.scopes)
    )
    return tx.scalars(allowed.order_by("guild_id"), execution_options=ACROSS_GUILDS).all()


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


class _GuildRun:
    """One look at everything of a server."""

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
        self._in_work(actions.warn_due)
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

    def _ask(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call Twitch with the streamer's token, renewed once if Twitch does not take it.

        Raises:
            ReconnectNeeded: the streamer has to connect again, also where a permission is missing.
        """
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
                self._in_work(_want_listing)
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
            return self._ask(self._client.change_reward, reward.reward_id, fields)
        # An attempt before may have created it.
        for found in self._ask(self._client.list_rewards, ours_only=True):
            if found.title.casefold() == reward.title.casefold():
                return found
        return self._ask(self._client.create_reward, rewards.fields_of(reward, creates=True))

    def _delete_reward(self, reward: Reward) -> None:
        """Only once nothing is open: Twitch would keep the points."""
        assert reward.reward_id is not None, "else it would be removed already"
        self._sweep_reward(reward)
        self._decide()
        self._settle()
        try:
            if not self._ask(self._client.list_redemptions, reward.reward_id):
                self._ask(self._client.delete_reward, reward.reward_id)
                self._in_work(rewards.note_gone, reward.number)
        except TwitchRejected as rejected:
            if rejected.status != 404:
                raise Outage("Twitch", str(rejected)) from rejected
            self._in_work(rewards.note_gone, reward.number)

    def _list_rewards(self) -> None:
        try:
            every = self._ask(self._client.list_rewards, ours_only=False)
            ours = self._ask(self._client.list_rewards, ours_only=True)
        except TwitchRejected as rejected:
            if rejected.status == 403:  # neither affiliate nor partner
                self._in_work(lambda work: setattr(actions.state_of(work), "rewards_due", False))
                return
            raise Outage("Twitch", str(rejected)) from rejected
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
            listed = self._ask(self._client.list_redemptions, reward.reward_id)
        except TwitchRejected as rejected:
            if rejected.status == 404:
                self._in_work(_want_listing)
                return
            raise Outage("Twitch", str(rejected)) from rejected
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
            self._ask(self._client.decide_redemption, reward_id, redemption_id, status)
        except TwitchRejected as rejected:
            if rejected.status != 404:
                raise Outage("Twitch", str(rejected)) from rejected
            try:
                found = self._ask(self._client.list_redemptions, reward_id, redemption_id)
            except TwitchRejected:
                return "GONE"
            return found[0].status if found else "GONE"
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
                self._in_work(_postpone, session.number)
                raise

    def _grant_one(self, session: Session) -> None:
        """Make somebody VIP. Whoever is VIP already is only ours if we have asked for it."""
        who = session.twitch_user_id
        is_vip = bool(self._ask(self._client.list_vips, who))
        if is_vip:
            self._in_work(_note_grant, session.number, None if session.is_unsure else "already_vip")
            return
        if not self._in_work(_begin_call, session.number, "granting"):
            return
        self._pacer.note("add", self._now())
        try:
            self._ask(self._client.add_vip, who)
        except TwitchRejected as rejected:
            self._in_work(_note_grant, session.number, self._why_not(rejected, who))
            return
        self._in_work(_note_grant, session.number, None)

    def _why_not(self, rejected: TwitchRejected, who: int) -> str:
        match rejected.status:
            case 409:
                return "full"
            case 425:
                return "locked"
            case 404:
                return "unknown"
            case 400:
                return "refused"
            case 422:
                if self._ask(self._client.list_moderators, [who]):
                    return "moderator"
                return "already_vip"
        # 403 is a token of another channel, or the edge: it passes, or an admin has to look.
        raise Outage("Twitch", str(rejected)) from rejected

    def _remove(self) -> None:
        room = self._pacer.room("remove", self._now())
        if room <= 0:
            return
        for session in self._in_work(store.list_due_sessions, "ending", room):
            try:
                self._remove_one(session)
            except Outage:
                self._in_work(_postpone, session.number)
                raise

    def _remove_one(self, session: Session) -> None:
        who = session.twitch_user_id
        with self._services.database.begin() as tx:
            is_kept = store.has_other_session(tx, session)
        if session.is_unsure and not is_kept:
            is_kept = not self._ask(self._client.list_vips, who)  # it had its effect
        if is_kept:
            self._in_work(_note_removed, session.number)
            return
        if not self._in_work(_begin_call, session.number, "ending"):
            return
        self._pacer.note("remove", self._now())
        try:
            self._ask(self._client.remove_vip, who)
        except TwitchRejected as rejected:
            if rejected.status not in (400, 404, 422):  # no VIP, or nobody, is what we want
                raise Outage("Twitch", str(rejected)) from rejected
        self._in_work(_note_removed, session.number)

    def _list_vips(self) -> None:
        """Compare the list of VIPs with the sessions."""
        asked_at = self._now()
        try:
            vips = self._ask(self._client.list_vips)
            missing = self._in_work(_list_missing, {one.user_id for one in vips}, asked_at)
            moderators: set[int] = set()
            for some in slices(sorted(missing), MOST_IN_A_QUESTION):
                found = self._ask(self._client.list_moderators, some)
                moderators |= {one.user_id for one in found}
        except TwitchRejected as rejected:
            raise Outage("Twitch", str(rejected)) from rejected
        subscribers = self._check_subscribers()
        self._in_work(note_listed, vips, moderators, subscribers, asked_at)

    def _check_subscribers(self) -> set[int] | None:
        """Of those who are VIP while they subscribe, those who still do; None if there are none."""

        def endless(work: Work) -> list[int]:
            wanted = select(Session.viewer_id).where(
                Session.state == "active", Session.minutes.is_(None)
            )
            return list(work.scalars(wanted))

        viewer_ids = self._in_work(endless)
        try:
            return self._subscribers(viewer_ids) if viewer_ids else None
        except TwitchRejected:
            return None


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or last + every <= now


# -- what a call brought --------------------------------------------------------------------------


def _want_listing(work: Work) -> None:
    actions.state_of(work).rewards_due = True


def _begin_call(work: Work, number: int, state: str) -> bool:
    """A call is about to be made; False if it is no longer wanted."""
    work.lock(Lock.VIPS)
    session = work.find(Session, number)
    if session is None or session.state != state:
        return False
    session.is_unsure = True
    return True


def _postpone(work: Work, number: int) -> None:
    session = work.find(Session, number)
    if session is not None:
        session.attempts += 1
        session.try_at = work.now + backoff(session.attempts)


def _note_grant(work: Work, number: int, reason: str | None) -> None:
    """Twitch has made somebody VIP, or says why not."""
    work.lock(Lock.VIPS)
    session = work.find(Session, number)
    if session is None:
        return
    state = actions.state_of(work)
    if reason is None:
        if session.state == "granting":
            redemptions.note_granted(work, session)
        return  # it was ended meanwhile, which takes VIP away again
    if reason in ("full", "locked"):
        state.vips_due = True
        if reason == "full":
            slots = store.count_slots(work)
            state.full_at = max(slots.manual + slots.sessions - 1, 0)
        rewards.pause_all(work, "full" if reason == "full" else "locked")
    if session.state == "ending":
        actions.finish(work, session)
    elif session.state == "granting" and session.started_at is not None:
        # They had it, and are still to have it, but Twitch declines now.
        redemptions.note_failed(work, session, reason)
    elif session.state == "granting":
        redemptions.note_failed(work, session, reason)
        if reason == "already_vip":
            state.vips_due = True


def _note_removed(work: Work, number: int) -> None:
    """Somebody is no longer VIP."""
    work.lock(Lock.VIPS)
    session = work.find(Session, number)
    if session is None:
        return
    if session.state == "ending":
        actions.finish(work, session)
        _resume(work)
    elif session.state == "granting":
        actions.wake(work)  # revived meanwhile: it is looked up


def _resume(work: Work) -> None:
    """A slot may be free again. Hold the lock."""
    settings = load_settings(work, VipSettings)
    state = actions.state_of(work)
    slots = store.count_slots(work)
    if state.full_at is not None and slots.manual + slots.sessions < state.full_at:
        state.full_at = None
    if store.count_slots(work).has_room(settings.slots, settings.reserved):
        rewards.resume_all(work, "full")


def _list_missing(work: Work, vips: set[int], asked_at: datetime) -> set[int]:
    """The accounts of sessions that Twitch does not list as VIPs."""
    return {one.twitch_user_id for one in _missing(work, vips, asked_at)}


def _missing(work: Work, vips: set[int], asked_at: datetime) -> list[Session]:
    settled = asked_at - SETTLES
    active = select(Session).where(Session.state == "active")
    return [
        one
        for one in work.scalars(active)
        if one.twitch_user_id not in vips and (one.started_at or asked_at) <= settled
    ]


def note_listed(
    work: Work,
    vips: Sequence[User],
    moderators: set[int],
    subscribers: set[int] | None,
    asked_at: datetime,
) -> None:
    """Twitch's list of VIPs: end sessions of those who are not on it, and learn who is VIP by
    hand."""
    work.lock(Lock.VIPS)
    state = actions.state_of(work)
    listed = {one.user_id: one for one in vips}
    recent = False
    for session in work.scalars(select(Session).where(Session.state == "active")).all():
        if session.twitch_user_id in listed:
            continue
        if (session.started_at or asked_at) > asked_at - SETTLES:
            recent = True
            continue
        is_moderator = session.twitch_user_id in moderators
        actions.finish(work, session, "moderator" if is_moderator else "removed_on_twitch")
    known = {one.twitch_user_id: one for one in work.scalars(select(KnownVip))}
    for known_id, gone in known.items():
        if known_id not in listed:
            work.delete(gone)
    for user_id, user in listed.items():
        if user_id not in known:
            viewer_id = actions.meet(work, actions.Account(user_id, user.name))
            work.add(KnownVip(viewer_id=viewer_id, twitch_user_id=user_id, seen_at=work.now))  # type: ignore[arg-type]
    work.flush()
    if subscribers is not None:
        _end_unsubscribed(work, subscribers)
    state.listed_at, state.vips_due = asked_at, recent
    locked = work.exists(Reward.pause == "locked")
    if locked and listed:
        rewards.resume_all(work, "locked")
    _resume(work)


def _end_unsubscribed(work: Work, subscribers: set[int]) -> None:
    endless = select(Session).where(Session.state == "active", Session.minutes.is_(None))
    for session in work.scalars(endless).all():
        if session.viewer_id not in subscribers:
            actions.end(work, session, "unsubscribed")
