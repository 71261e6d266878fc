"""Embeds and chat lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import discord

from core.draws.words import decided_words
from core.heist.records import Heist
from core.heist.rules import (
    RISKS,
    HeistSettings,
    Return,
    expected_returns,
    fill,
    format_return,
    format_time,
    tier_label,
)
from core.kit.discord.ui import Tone, ago, card, lines, safe
from core.kit.text.words import _, plural
from core.outbox.chat import MAX_CHARACTERS

_STYLES: dict[str, tuple[str, Tone]] = {
    "open": ("🚨", "kick"),
    "locked": ("🔒", "kick"),
    "resolving": ("🎲", "kick"),
    "paying": ("🎲", "kick"),
    "cooldown": ("💰", "success"),
    "done": ("💰", "success"),
    "cancelled": ("⚫", "warning"),
}

MAX_NAMES_LENGTH = 330
"""Characters for names in a chat line, which leaves enough for the rest."""


def points(amount: int, currency: Mapping[str, Any]) -> str:
    """Such as `1,200 points`, with the server's own names."""
    return f"{amount:,} {currency['one'] if amount == 1 else currency['plural']}"


# -- Discord --------------------------------------------------------------------------------------


def heist(payload: Mapping[str, Any]) -> discord.Embed:
    """The message that shows a heist."""
    icon, tone = _STYLES[payload["state"]]
    rows = [_row(payload, row) for row in payload["rows"]]
    more = payload["players"] - len(rows)
    if more > 0:
        rows.append(_("… and {count} more").format(count=f"{more:,}"))
    title = f"{icon} " + _("Heist #{heist}").format_map(payload)
    embed = card(title, lines([_heading(payload), "", *rows]), tone=tone)
    embed.add_field(name=_("Crew"), value=f"{payload['players']:,}")
    embed.add_field(name=_("Loot"), value=points(payload["staked"], payload))
    if payload["state"] in ("paying", "cooldown", "done"):
        embed.add_field(name=_("Paid"), value=points(payload["paid"], payload))
    proof = [_("Seed: `{commitment}`").format_map(payload)]
    if payload["hash"]:
        proof.append(_("Crew: `{hash}`").format_map(payload))
        proof.append(decided_words(payload["is_public"], payload["round"]))
    embed.add_field(name="🔍 " + _("Verifiable"), value="\n".join(proof), inline=False)
    return embed


def _heading(payload: Mapping[str, Any]) -> str:
    match payload["state"]:
        case "open":
            at = f"<t:{int(datetime.fromisoformat(payload['closes_at']).timestamp())}:R>"
            return _(
                "Type `!{command} <amount> [low|medium|high]` in the stream's chat. Closes {at}."
            ).format(command=payload["command"], at=at)
        case "locked":
            return _("The crew is locked. The result follows in a few seconds.")
        case "resolving" | "paying":
            return _("Paying the winners …")
        case "cancelled":
            return end_reason_text(payload["end"])
    return _("{won} of {players} got away.").format_map(payload)


def end_reason_text(end: str | None) -> str:
    """Why a heist was cancelled."""
    return {
        "moderator": _("Cancelled. All stakes were refunded."),
        "nobody": _("Nobody joined."),
        "few": _("Not enough players joined. All stakes were refunded."),
        "beacon": _("The beacon didn't respond. All stakes were refunded."),
        "wrong": _("The result couldn't be verified. All stakes were refunded."),
    }[end or "moderator"]


def _row(payload: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    tier = tier_label(row["tier"], row.get("bonus", 100))
    line = f"**{safe(row['viewer'], 40)}**" + (f" `{tier}`" if tier else "")
    line += f" · {points(row['stake'], payload)} · {safe(row['risk'], 40)}"
    if row["won"] is not None:
        line += f" → **{row['payout']:,}** 💰" if row["won"] else " → 💥"
    return line


def status(settings: HeistSettings, last: Heist | None, *, has_points: bool) -> discord.Embed:
    """Whether heists can be started, and the last one."""
    if not settings.enabled:
        title, body = _("Heists are off"), _("Turn them on with `/heist settings`.")
    elif not has_points:
        title = _("Heists need points, which are turned off here")
        body = _("An admin can turn them on with `/settings set points.enabled on`.")
    else:
        title = _("Heists are on")
        body = _("Start one with `/heist start`, or with `!heist` in the stream's chat.")
    if last is not None:
        body += "\n" + _("Last heist: {heist}").format(heist=history_row(last))
    return card(("🟢 " if settings.enabled and has_points else "⚫ ") + title, body)


def started(heist: Heist) -> discord.Embed:
    """A new heist."""
    title = "🚨 " + _("Heist #{number} has started").format(number=heist.number)
    return card(title, _("The bot posted in chat how to join."), tone="success")


def cancelled(heist: Heist) -> discord.Embed:
    """A heist was cancelled."""
    title = "⚫ " + _("Heist #{number} was cancelled").format(number=heist.number)
    return card(title, end_reason_text(heist.end), tone="success")


def odds(settings: HeistSettings) -> discord.Embed:
    """Chances, multipliers and the average return."""
    rows = [
        f"**{safe(settings.risk_name(risk))}** ({risk}): {_odds(settings.odds(risk))}"
        for risk in RISKS
    ]
    embed = card("🎯 " + _("Odds of the heist"), lines(rows))
    embed.add_field(
        name=_("Average return per point"),
        value=lines([return_text(expected) for expected in expected_returns(settings)]),
    )
    if any(expected.value > 1 for expected in expected_returns(settings)):
        warning = _("With these odds, players win in the long run.")
        embed.add_field(name="⚠️ " + _("Inflation"), value=warning, inline=False)
    return embed


def return_text(expected: Return) -> str:
    """The average return of a risk and tier."""
    tier = tier_label(expected.tier)
    return f"{expected.risk}{f', {tier}' if tier else ''}: {format_return(expected.value)}" + (
        " ⚠️" if expected.value > 1 else ""
    )


def _odds(odds: Sequence[int]) -> str:
    """Such as "65 % chance, pays ×1.2 to ×1.5"."""
    chance, lowest, highest = odds
    pays = f"×{lowest / 100:g}"
    if lowest != highest:
        pays = _("{minimum} to {maximum}").format(minimum=pays, maximum=f"×{highest / 100:g}")
    return _("{chance} % chance, pays {multiplier}").format(chance=chance, multiplier=pays)


def owed(payload: Mapping[str, Any]) -> discord.Embed:
    """Alert to the admins. Payload: `number`, `count`, `points`, and the currency."""
    viewers = plural("{count} viewer", "{count} viewers", payload["count"])
    body = _(
        "The points provider refused to pay {points} to {viewers}. The bot won't retry this "
        "automatically: retry the payout once the problem is fixed, or write it off, for example "
        "after "
        "paying by hand."
    ).format(points=points(payload["points"], payload), viewers=viewers)
    title = _("Heist #{number}: payout failed").format_map(payload)
    return card("⚠️ " + title, body, tone="warning")


def paid_again(heist: Heist) -> discord.Embed:
    """A refused payout is being retried."""
    title = _("Heist #{number}: payout retried").format(number=heist.number)
    return card("🔁 " + title, _("You'll get another message if it fails again."), tone="success")


def written_off(number: int, total: int) -> discord.Embed:
    """A refused payout was written off."""
    title = plural(
        "Heist #{{number}}: {count} point written off",
        "Heist #{{number}}: {count} points written off",
        total,
    )
    return card("✅ " + title.format(number=number), _("The bot won't pay them."), tone="success")


PER_PAGE = 10


def history(heists: Sequence[Heist], number: int, pages: int) -> discord.Embed:
    """A page of heists, newest first."""
    if not heists:
        return card("💰 " + _("No heists yet"), _("Start one with `/heist start`."))
    first = (number - 1) * PER_PAGE
    rows = [history_row(past) for past in heists[first : first + PER_PAGE]]
    footer = _("Page {number} of {pages}").format(number=number, pages=pages) if pages > 1 else ""
    return card("💰 " + _("Heists"), lines(rows), footer=footer)


def history_row(heist: Heist) -> str:
    """A heist in one line."""
    line = f"`#{heist.number}` · {ago(heist.opened_at)} · "
    if heist.is_decided:
        return line + _("{won} of {players} got away, {staked} → {paid}").format(
            won=heist.won, players=heist.players, staked=f"{heist.staked:,}", paid=f"{heist.paid:,}"
        )
    return line + (end_reason_text(heist.end) if heist.state == "cancelled" else _("running"))


# -- chat -----------------------------------------------------------------------------------------


def opened_line(payload: Mapping[str, Any]) -> str:
    """A heist has started."""
    story = payload["story"] or _("A heist is starting!")
    how = _("Type !{command} <amount> [low|medium|high] ({min} to {max} {plural}) within {time} s.")
    return f"🚨 {fill(story, _values(payload))} " + how.format(
        command=payload["command"],
        min=f"{payload['min']:,}",
        max=f"{payload['max']:,}",
        plural=payload["plural"],
        time=payload["time"],
    )


def _values(payload: Mapping[str, Any]) -> dict[str, str]:
    """The values of a story's placeholders."""
    numbers = {
        "amount": payload.get("paid", 0),
        "min": payload.get("min", 0),
        "max": payload.get("max", 0),
        "time": payload.get("time", 0),
        "successCount": payload.get("won", 0),
        "totalCount": payload.get("players", 0),
    }
    return {name: f"{number:,}" for name, number in numbers.items()} | {
        "user": payload.get("viewer", ""),
        "risk": payload.get("risk", ""),
        "currency": payload["plural"],
    }


def not_started_line(payload: Mapping[str, Any]) -> str:
    """Why a heist was not started or cancelled."""
    return f"{payload['what']} {payload['remedy']}".strip()


def not_joined_line(payload: Mapping[str, Any]) -> str:
    """Why `!join` does nothing right now."""
    return {
        "none": _("No heist is running. Start one with !{command}."),
        "early": _("The heist hadn't started yet when you typed that. Type !{command} again."),
        "late": _("Too late: this heist's crew is locked. Join the next one!"),
    }[payload["reason"]].format_map(payload)


def locked_line(payload: Mapping[str, Any]) -> str:
    """The crew, and who was refused."""
    line = "🔒 " + plural("{count} player joined", "{count} players joined", payload["players"])
    line += " " + _("with {staked}:").format(staked=points(payload["staked"], payload))
    line += " " + _names(payload["names"], payload["players"]) + "."
    line += refusals_text(payload["refused"])
    proof = _("Verify: {hash}…").format(hash=payload["hash"][:16])
    return _fit(line, proof)


def refusals_text(refused: Sequence[Mapping[str, Any]]) -> str:
    """The refused players, by reason."""
    if not refused:
        return ""
    parts = [
        f"{refusal_text(refusal['reason'])}: {_names(refusal['names'], refusal['count'])}"
        for refusal in refused
    ]
    return " " + _("Not joined: {reasons}.").format(reasons="; ".join(parts))


def refusal_text(reason: str) -> str:
    """Why a viewer is not in the crew."""
    return {
        "usage": _("no amount"),
        "amount": _("invalid amount"),
        "share": _("needs a number"),
        "low": _("stake too low"),
        "high": _("stake too high"),
        "balance": _("not enough points"),
        "limit": _("reached their loss limit"),
        "break": _("on a break from games"),
        "excluded": _("excluded"),
        "provider": _("stake not confirmed"),
        "joined": _("already joined"),
        "cooldown": _("on cooldown"),
        "full": _("crew is full"),
        "late": _("too late"),
    }[reason]


def _names(named: Sequence[str], count: int) -> str:
    """Some names, and how many more there are, within the limit of characters."""
    shown: list[str] = []
    for name in named:
        if sum(len(other) + 2 for other in shown) + len(name) > MAX_NAMES_LENGTH // 2:
            break
        shown.append(name)
    more = count - len(shown)
    line = ", ".join(shown)
    return f"{line} +{more:,}" if more and line else line or f"{count:,}"


def _fit(line: str, last: str) -> str:
    """Append `last`, and cut `line` if both are too long."""
    room = MAX_CHARACTERS - len(last) - 1
    return (line if len(line) <= room else line[: room - 1] + "…") + " " + last


def result_line(payload: Mapping[str, Any]) -> str:
    """The result, and who won most."""
    usual = {
        "all": _("Everyone got away!"),
        "most": _("Most of the crew got away!"),
        "some": _("Some got away, some didn't!"),
        "few": _("Only a few got away!"),
        "none": _("The whole crew was caught!"),
        "solo_win": _("{user} pulled it off alone!"),
        "solo_loss": _("{user} was caught!"),
    }[payload["outcome"]]
    line = "🎭 " + fill(payload["story"] or usual, _values(payload))
    line = line if len(line) <= MAX_NAMES_LENGTH // 2 else line[: MAX_NAMES_LENGTH // 2 - 1] + "…"
    line += " " + _("{won}/{players} won {paid}.").format(
        won=f"{payload['won']:,}",
        players=f"{payload['players']:,}",
        paid=points(payload["paid"], payload),
    )
    if payload["winners"]:
        named = [f"{winner['viewer']} {winner['payout']:,}" for winner in payload["winners"]]
        line += " 💰 " + _names(named, payload["won"])
    if payload.get("next_in"):
        left = format_time(timedelta(seconds=payload["next_in"]))
        return _fit(line.rstrip(".") + ".", _("Next heist in {time}.").format(time=left))
    return line


def cancelled_line(payload: Mapping[str, Any]) -> str:
    """A heist was cancelled."""
    return "⚫ " + end_reason_text(payload["end"]) + refusals_text(payload["refused"])


def ready_line(payload: Mapping[str, Any]) -> str:
    """The cooldown is over."""
    return "🎮 " + _("The coast is clear: start the next heist with !{command}.").format_map(
        payload
    )


def odds_line(payload: Mapping[str, Any]) -> str:
    """Reply to `!heist odds`."""
    parts = [
        f"{row['label']} ({row['risk']}): {_odds(row['odds'])}, "
        + _("returns {value}").format_map(row)
        for row in payload["rows"]
    ]
    return "🎯 " + " | ".join(parts)
