"""The StreamElements widget: its files, its key, and what it shows.

Its key gives access to what is shown on stream, and to reporting subscribers (`reports`), which is
the source with the lowest priority (docs/tiers.md).
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from core.guilds.actions import audit, load_settings
from core.guilds.chat_commands import names_of
from core.heist import store
from core.heist.records import Player, WidgetKey
from core.heist.rules import JOIN_NAMES, TIERS, HeistSettings, Tier, tier_label
from core.heist.store import View
from core.kit.database.work import ACROSS_GUILDS, Work
from core.kit.runtime.crypto import hash_of
from core.kit.text.words import _
from core.people.names import named_only

FILES = Path(__file__).parents[2] / "widgets" / "heist"
NAMES = ("widget.html", "widget.css", "widget.js", "fields.json")

MAX_ROWS = 12


def read_file(work: Work, name: str, address: str) -> str:
    """One of the widget's files. Its fields contain this server's address and the bonus of each
    tier. StreamElements has no read-only fields, so each bonus is a list with one choice."""
    content = (FILES / name).read_text("utf-8")
    if name != "fields.json":
        return content
    fields, settings = json.loads(content), load_settings(work, HeistSettings)
    fields["serverUrl"]["value"] = address
    group = {"group": _("Subscriber bonus")}
    for tier in TIERS[1:]:
        percent = settings.bonus(tier)
        shown = _("winnings × {factor}").format(factor=percent / 100)
        options = {str(percent): shown if percent != 100 else _("no bonus")}
        listed = {"type": "dropdown", "label": tier_label(tier), "value": str(percent)}
        fields[f"bonus_{tier}"] = listed | {"options": options} | group
    url = {
        "type": "text",
        "label": _("Change the bonus at"),
        "value": settings_url(work, address),
    }
    fields["bonus_settings"] = url | group
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"


def settings_url(work: Work, address: str) -> str:
    """The page where the bonus is set."""
    return f"{address}/g/{work.guild_id}/heist#group-heist.enable_sub_bonus"


def make_key(work: Work) -> str:
    """Create a key, which replaces the old one."""
    key = secrets.token_urlsafe(24)
    record = WidgetKey(digest=hash_of(key), made_at=work.now)
    record.guild_id = work.guild_id
    work.merge(record)
    audit(work, "heist.widget_key")
    return key


def find_guild(tx: Connection, key: str) -> int | None:
    """The server whose widget has this key."""
    same = select(WidgetKey.guild_id).where(WidgetKey.digest == hash_of(key))
    return tx.execute(same, execution_options=ACROSS_GUILDS).scalar()


def show(work: Work) -> dict[str, Any]:
    """The running or last heist, as JSON for the widget."""
    settings, view = load_settings(work, HeistSettings), store.find_view(work)
    shown: dict[str, Any] = {
        "state": "none",
        "command": names_of(work, JOIN_NAMES)[0],
        "bonus": [
            {"tier": tier_label(tier), "percent": settings.bonus(tier)} for tier in TIERS[1:]
        ],
        "rows": [],
    }
    if view is None:
        return shown
    heist = view.heist
    rows = view.winners if heist.is_decided else list(reversed(view.crew))
    named, names = named_only(work, rows)
    named = named[:MAX_ROWS]
    left = max(0.0, (heist.closes_at - work.now).total_seconds())
    return shown | {
        "state": heist.state,
        "number": heist.number,
        "seconds_left": round(left) if heist.state == "open" else 0,
        "players": len(view.crew),
        "maximum": heist.settings.max_participants,
        "bank": view.staked,
        "won": heist.won,
        "paid": heist.paid,
        "rows": [_row(player, view, names[player.viewer_id]) for player in named],
    }


_TWITCH_TIERS: Mapping[Tier, str] = {
    "prime": "prime",
    "tier1": "1000",
    "tier2": "2000",
    "tier3": "3000",
}


def _row(player: Player, view: View, name: str) -> dict[str, Any]:
    tier = view.tiers[player.viewer_id]
    return {
        "name": name,
        "stake": player.stake,
        "tier": view.tier_label(player),
        "twitch_tier": _TWITCH_TIERS.get(tier),
        "multiplier": view.settings.bonus(tier) / 100,
        "profit": player.payout - player.stake if player.won else None,
    }
