"""Health checks of StreamElements, and what `/check_streamelements_config` examines."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from core.kit.database.work import ACROSS_GUILDS
from core.kit.errors import Outage, Refusal
from core.kit.health_item import CheckLine, HealthItem
from core.kit.services import Services
from core.kit.text.words import _
from core.streamelements import actions
from core.streamelements.bulk import token_of
from core.streamelements.client import StreamElementsRejected, client_of
from core.streamelements.records import BulkOperation


def check_points(tx: Connection, _now: datetime) -> list[HealthItem]:
    """Changes of points that admins have to review."""
    items = []
    unclear = (
        select(BulkOperation.guild_id, func.count())
        .where(BulkOperation.state == "unclear")
        .group_by(BulkOperation.guild_id)
    )
    for guild_id, count in tx.execute(unclear, execution_options=ACROSS_GUILDS):
        reason = f"{count} need review on the StreamElements page of the dashboard."
        items.append(HealthItem("StreamElements points", "warn", reason, guild_id=guild_id))
    return items


def examine(services: Services, guild_id: int) -> list[CheckLine]:
    """Everything that StreamElements needs; asks StreamElements."""
    with services.work_in(guild_id) as work:
        account, lines = actions.find_account(work), [actions.ACCOUNT.check_line(work)]
        unclear = len(actions.list_unclear(work))
    if account is None or account.state != "connected":
        return lines
    try:
        client, token = client_of(services.settings), token_of(services, account)
        name, is_on = client.currency(token, account.channel_id)
    except StreamElementsRejected as rejected:
        remedy = _("Run `/connect_streamelements` again.")
        return [*lines, CheckLine("token", "down", rejected.reason, remedy=remedy)]
    except Refusal as refusal:
        return [*lines, CheckLine("token", "down", refusal.what, remedy=refusal.remedy)]
    except Outage as outage:
        return [*lines, CheckLine("token", "warn", str(outage))]
    lines.append(CheckLine("token", "ok", _("accepted")))
    remedy = "" if is_on else _("Switch on Loyalty on StreamElements.")
    lines.append(CheckLine("loyalty", "ok" if is_on else "warn", name, remedy=remedy))
    remedy = _("Review them on the StreamElements page of the dashboard.") if unclear else ""
    found = _("{count} need review").format(count=unclear)
    lines.append(CheckLine("points", "warn" if unclear else "ok", found, remedy=remedy))
    return lines
