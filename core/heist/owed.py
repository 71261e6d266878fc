"""Payouts and refunds that the provider refused, until an admin decides."""

from collections.abc import Sequence

from sqlalchemy import select

from core.guilds.actions import audit
from core.guilds.channels import alert_admins
from core.heist.joining import GAME
from core.heist.records import Heist, Player
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.points import providers
from core.points.providers import Moved, Round


def record_refused(work: Work, heist: Heist, moved: Moved | None) -> None:
    """Store refused payouts and ask the admins what to do. Call it once per operation."""
    if moved is None or not moved.refused:
        return
    refused = providers.list_refused(work, moved)
    for player in work.scalars(select(Player).where(Player.heist == heist.number)):
        player.owed += refused.get(player.viewer_id, 0)
    payload = {
        "number": heist.number,
        "count": len(refused),
        "points": sum(refused.values()),
        **providers.currency_of(work),
    }
    key = f"heist.owed:{moved.key}:{min(refused)}"
    alert_admins(work, "heist.owed", key, payload)


def _list_owed(work: Work, number: int) -> Sequence[Player]:
    """Raises Refusal if the heist has no unpaid points."""
    work.lock(Lock.HEIST)
    found = work.scalars(select(Player).where(Player.heist == number, Player.owed > 0)).all()
    if not found:
        raise Refusal(_("Heist #{number} has no unpaid points.").format(number=number))
    return found


def pay_again(work: Work, number: int) -> Heist:
    """Retry the refused payouts."""
    owed = {player.viewer_id: player for player in _list_owed(work, number)}
    amounts: dict[int, int] = {viewer_id: player.owed for viewer_id, player in owed.items()}
    for player in owed.values():
        player.owed = 0
    audit(work, "heist.pay_again", f"#{number}", after=sum(amounts.values()))
    heist = work.find(Heist, number)
    assert heist is not None, "it has players"
    key = f"{GAME}:{number}:again:{work.now.isoformat()}"
    record_refused(work, heist, providers.pay(work, Round(GAME, number), key, amounts))
    return heist


def write_off(work: Work, number: int) -> int:
    """Write off the refused payouts, for example after paying by hand; returns how many points."""
    owed = _list_owed(work, number)
    total = sum(player.owed for player in owed)
    for player in owed:
        player.owed = 0
    audit(work, "heist.write_off", f"#{number}", after=total)
    return total
