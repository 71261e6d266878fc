"""Problems on Twitch: stored with the item they are about, shown, and reported to the admins
once."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import func, select

from core.kit.database.work import Lock, Work
from core.kit.errors import Outage, Refusal, backoff
from core.kit.text.words import _, plural
from core.twitch.wire import TwitchRejected
from core.vips import actions
from core.vips.announcements import alert
from core.vips.records import Redemption, Reward, Session
from core.vips.rules import MAX_HIDDEN_OUTAGES, MAX_HIDDEN_REJECTIONS, SWEEP

MAX_CHARACTERS = 500
"""Maximum length of a problem's text."""

Waiting = type[Session] | type[Redemption] | type[Reward]


def say(error: Exception) -> str:
    """The problem and what to do."""
    if isinstance(error, TwitchRejected):
        return f"Twitch rejected it ({error.status}): {error.reason.rstrip('.')}. {_remedy(error)}"
    if isinstance(error, Refusal):
        return f"{error.what} {error.remedy}".strip()
    return _("{error}. It is retried automatically.").format(error=str(error).rstrip("."))


def _remedy(rejected: TwitchRejected) -> str:
    return {
        401: _("Run `/connect_twitch` again and allow everything."),
        403: _(
            "Channel points are for affiliates and partners, and only the app that created a "
            "reward can change it. If both apply, run `/connect_twitch` again."
        ),
        404: _("It may have been deleted on Twitch."),
    }.get(rejected.status, _("It is retried automatically."))


def is_lasting(error: Exception, attempts: int) -> bool:
    """Whether it has failed often enough to be shown."""
    is_outage = isinstance(error, Outage)
    return attempts >= (MAX_HIDDEN_OUTAGES if is_outage else MAX_HIDDEN_REJECTIONS)


def postpone(work: Work, kind: Waiting, key: int | str, error: Exception) -> None:
    """The call failed: retry it later. A call that Twitch rejected had no effect."""
    found = work.find(kind, key)
    if found is None:
        return
    found.attempts += 1
    wait = backoff(found.attempts)
    if isinstance(error, Outage) and error.retry_after:
        wait = max(wait, timedelta(seconds=error.retry_after))
    found.try_at = work.now + wait
    found.trouble = (
        say(error)[:MAX_CHARACTERS] if is_lasting(error, found.attempts) else found.trouble
    )


def record_list(work: Work, name: str, error: Exception | None) -> None:
    """Store the result of a list request."""
    state = actions.get_channel_state(work)
    failing = dict(state.failing)
    attempts = int(failing.pop(name, [0])[0]) + 1
    if error is not None:
        failing[name] = [
            attempts,
            say(error)[:MAX_CHARACTERS] if is_lasting(error, attempts) else "",
        ]
    if failing != state.failing:
        state.failing = failing


def list_present(work: Work) -> Mapping[str, str]:
    """Key -> each current problem."""
    state = actions.get_channel_state(work)
    lists = {
        "rewards": _("Reading the rewards failed."),
        "vips": _("Reading the VIPs failed."),
        "subscribers": _("Checking the subscribers failed."),
    }
    open_ones = _("Reading the open redemptions of reward #{number} failed.")
    found = {
        f"list:{name}": (
            f"{lists.get(name) or open_ones.format(number=name.removeprefix(SWEEP))} {why}"
        )
        for name, (_attempts, why) in sorted(state.failing.items())
        if why
    }
    rewards = select(Reward).where(Reward.trouble != "", Reward.state != "removed")
    for reward in work.scalars(rewards.order_by(Reward.number)):
        # The title is shown literally and escaped there: its `*` and `_` are not markup.
        found[f"reward:{reward.number}"] = f"{reward.title}: {reward.trouble}"
    return {**found, **_waiting(work)}


def _waiting(work: Work) -> dict[str, str]:
    """The failing sessions and redemptions: how many, and one reason."""
    found = {}
    for kind in (Session, Redemption):
        failing = (
            select(kind.state, func.count(), func.max(kind.trouble))
            .where(kind.state.in_(_WAITING_STATES), kind.trouble != "")
            .group_by(kind.state)
            .order_by(kind.state)
        )
        for state, count, why in work.execute(failing):
            found[f"{kind.__name__}:{state}"] = f"{_say_waiting(state, count)} {why}"
    return found


_WAITING_STATES = ("granting", "ending", "received", "granted", "refunding")


def _say_waiting(state: str, count: int) -> str:
    if state == "granting":
        return plural("{count} VIP cannot be granted.", "{count} VIPs cannot be granted.", count)
    if state == "ending":
        return plural("{count} VIP cannot be removed.", "{count} VIPs cannot be removed.", count)
    return plural(
        "{count} redemption is waiting for Twitch.",
        "{count} redemptions are waiting for Twitch.",
        count,
    )


def review(work: Work) -> None:
    """Show the current problems, and report new ones to the admins."""
    work.lock(Lock.VIPS)
    state, present = actions.get_channel_state(work), list_present(work)
    new = [key for key in present if key not in state.told]
    for key in new:
        alert(work, "trouble", f"{key}:{work.now.isoformat()}", text=present[key])
    if set(state.told) != set(present):
        state.told = sorted(present)
    show(work, " ".join(present.values()))


def show(work: Work, trouble: str) -> None:
    """On the pages, and in `/health`."""
    state = actions.get_channel_state(work)
    if state.trouble != trouble:
        state.trouble_since = (state.trouble_since or work.now) if trouble else None
        state.trouble = trouble
