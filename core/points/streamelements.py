"""StreamElements as points provider: each operation is one bulk change, settled when StreamElements
answers or an admin decides."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from core.events import StreamElementsSettled
from core.kit.database.work import Work
from core.kit.text.words import _
from core.people.records import Viewer
from core.points import store
from core.points.providers import PROVIDERS, Amounts, Moved, settle
from core.points.records import Operation, Reason
from core.points.rules import PointsSettings
from core.streamelements.actions import (
    LOGIN,
    Change,
    find_account,
    get_account,
    queue_changes,
)

_PREFIX = "points:"


class StreamElementsPoints:
    """Answers later. Viewers on another platform use the balance of a linked account; without one
    they are refused."""

    answers_later = True

    def balance_of(self, _work: Work, _viewer_id: int) -> int | None:
        return None

    def move(self, work: Work, operation: Operation, amounts: Amounts) -> Moved:
        """Queue the change. Stakes are refused at once if StreamElements is not connected."""
        account = find_account(work)
        is_usable = account is not None and (
            account.state == "connected" or operation.kind != "take"
        )
        found = find_logins(work, account.platform, amounts) if account and is_usable else {}
        changes: dict[int, Change] = {}
        for viewer_id, amount in amounts.items():
            if viewer_id in found:
                user_id, login = found[viewer_id]
                delta = -amount if operation.kind == "take" else amount
                before = changes.get(user_id, Change(login, user_id, 0))
                references = (*before.references, viewer_id)
                changes[user_id] = Change(login, user_id, before.delta + delta, references)
        reason: Reason = "provider"
        refused = {account: reason for account in amounts if account not in found}
        if not changes:
            return Moved(operation.key, refused=refused)
        purpose = {
            "take": _("Stakes of {game} {number}"),
            "pay": _("Payout of {game} {number}"),
            "refund": _("Refund of {game} {number}"),
        }[operation.kind].format(game=operation.game, number=operation.round)
        queue_changes(work, _PREFIX + operation.key, purpose, list(changes.values()))
        return Moved(operation.key, refused=refused, waits=True)


def _login_of(viewer: Viewer) -> str:
    """Kick's slug differs from StreamElements' form of the name."""
    return viewer.login if viewer.login and viewer.platform == "twitch" else viewer.name.lower()


def find_logins(
    work: Work, platform: str, viewer_ids: Mapping[int, int]
) -> dict[int, tuple[int, str]]:
    """Viewer id -> platform user id and login of their own or a linked account on the platform."""
    accounts = store.list_accounts(work, viewer_ids)
    everybody = {their for theirs in accounts.values() for their in theirs}
    there: Sequence[Viewer] = work.scalars(
        select(Viewer).where(Viewer.viewer_id.in_(everybody), Viewer.platform == platform)
    ).all()
    logins = {
        int(account.viewer_id): (int(account.platform_user_id), login)
        for account in there
        # A display name in a non-Latin script is not the login.
        if LOGIN.fullmatch(login := _login_of(account))
    }
    return {
        viewer_id: logins[account]
        for viewer_id, theirs in accounts.items()
        for account in reversed(theirs)
        if account in logins
    }


def on_settled(work: Work, event: StreamElementsSettled) -> None:
    """Settle the known outcomes; viewers whom StreamElements did not change are refused."""
    if not event.operation.startswith(_PREFIX):
        return
    too_little = set(event.too_little)
    refused: dict[int, Reason] = {
        account: "balance" if account in too_little else "provider" for account in event.refused
    }
    key = event.operation.removeprefix(_PREFIX)
    settle(work, key, refused, {*event.applied, *event.refused})


def _require_account(work: Work, settings: PointsSettings, changed: Collection[str]) -> None:
    """StreamElements can only be chosen if it is connected."""
    if settings.provider == "streamelements" and "points.provider" in changed:
        get_account(work)


PROVIDERS["streamelements"] = StreamElementsPoints()
PointsSettings.checks.append(_require_account)
