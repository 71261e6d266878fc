"""Embeds and chat messages."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import discord

from core.bonus_hunt.records import Bonus, Hunt, Step
from core.bonus_hunt.store import Stats, View
from core.kit.discord.charts import payout_chart
from core.kit.discord.ui import Tone, ago, card, lines, safe
from core.kit.text.amounts import show_amount
from core.kit.text.words import _, plural
from core.people.names import Names

_STATES: dict[str, tuple[str, Tone]] = {
    "collecting": ("🧺", "kick"),
    "opening": ("🎰", "kick"),
    "finished": ("🏁", "success"),
}


def _money(payload: Mapping[str, Any], name: str) -> str:
    return f"{show_amount(Decimal(payload[name]))} {payload['currency']}"


def times(multiplier: Decimal) -> str:
    """`12.50×`."""
    return f"{multiplier:,.2f}×"


def signed(amount: Decimal) -> str:
    return ("+" if amount > 0 else "−" if amount < 0 else "±") + show_amount(abs(amount))


def break_even_words(multiplier: Decimal | None) -> str:
    """The average multiplier that the remaining bonuses need."""
    if multiplier is None:
        return "–"
    return times(multiplier) if multiplier else _("reached")


# -- the message ----------------------------------------------------------------------------------


def hunt(payload: Mapping[str, Any]) -> discord.Embed:
    """The live message of a hunt."""
    icon, tone = _STATES[payload["state"]]
    rows = [_bonus_row(payload, row) for row in payload["rows"]]
    if payload["earlier"]:
        rows.insert(0, _("… {count} before these").format(count=payload["earlier"]))
    later = payload["total"] - payload["earlier"] - len(payload["rows"])
    if later:
        rows.append(_("… and {count} more").format(count=later))
    embed = card(
        f"{icon} {safe(payload['title'])}",
        lines([*_heading(payload), "", *rows]),
        tone=tone,
        footer=_("Bonus hunt #{hunt}").format_map(payload),
    )
    opened = f"{payload['opened']:,}/{payload['total']:,}"
    fields = {
        _("Start cost"): _money(payload, "cost"),
        _("Opened"): opened,
        _("Returned"): _money(payload, "returned"),
        _("Break-even"): break_even_words(_decimal(payload["break_even"])),
        _("Average"): times(Decimal(payload["average"])) if payload["average"] else "–",
        _("Result"): signed(Decimal(payload["profit"])) + f" {payload['currency']}",
    }
    if payload["state"] == "collecting":
        fields = dict(list(fields.items())[:1]) | {_("Bonuses"): f"{payload['total']:,}"}
    elif payload["left"] == 0:
        fields.pop(_("Break-even"))
    for name, value in fields.items():
        embed.add_field(name=name, value=value)
    for name, row in (("🏆 " + _("Best"), payload["best"]), ("💀 " + _("Worst"), payload["worst"])):
        if row and payload["opened"] > 1:
            embed.add_field(name=name, value=_bonus_row(payload, row), inline=False)
    return embed


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _heading(payload: Mapping[str, Any]) -> list[str]:
    says = {
        "collecting": _("Collecting bonuses."),
        "opening": _("Next: #{next}").format_map(payload),
        "finished": _("Finished."),
    }[payload["state"]]
    if payload["state"] == "opening" and not payload["next"]:
        says = _("All bonuses opened.")
    if payload["guesses_open"]:
        says += "\n🔮 " + _(
            "Guess the total payout: `!{command} <amount>` in the stream's chat, or `/guess`."
        ).format_map(payload)
    elif payload["viewer"]:
        says += "\n🔮 " + _("Best guess: **{viewer}** with {amount}").format(
            viewer=safe(payload["viewer"]), amount=_money(payload, "amount")
        )
    elif payload["guesses"]:
        says += "\n🔮 " + plural("{count} guess", "{count} guesses", payload["guesses"])
    return says.split("\n")


def _bonus_row(payload: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    bet, mark = Decimal(row["bet"]), "➡️ " if row["position"] == payload["next"] else ""
    line = f"{mark}`#{row['position']}` **{safe(row['slot'], 60)}** · {show_amount(bet)}"
    if row["payout"] is not None:
        payout = Decimal(row["payout"])
        line += f" → **{show_amount(payout)}** ({times(payout / bet)})"
    elif row["skipped"]:
        line += " · " + _("skipped")
    return line + (f" · {safe(row['viewer'], 40)}" if row["viewer"] else "")


def chart(payload: Mapping[str, Any]) -> Callable[[], bytes]:
    """Returns a function that draws the payouts of the opened bonuses as PNG, on any thread."""
    shown = payload["chart"]
    return partial(
        payout_chart,
        payload["title"],
        shown["slots"],
        [Decimal(payout) for payout in shown["payouts"]],
        Decimal(payload["cost"]),
        bars=_("Payout"),
        line=_("Returned so far"),
        level_name=_("Start cost"),
        currency=payload["currency"],
    )


def chart_words(payload: Mapping[str, Any]) -> str:
    """Alt text of the chart."""
    text = plural(
        "Payout of {count} bonus: {{returned}} of {{cost}} came back.",
        "Payouts of {count} bonuses: {{returned}} of {{cost}} came back.",
        payload["opened"],
    )
    return text.format(returned=_money(payload, "returned"), cost=_money(payload, "cost"))


# -- answers --------------------------------------------------------------------------------------


def started(hunt: Hunt) -> discord.Embed:
    body = _("Add bonuses with `/hunt add` or the button below the message. Then run `/hunt open`.")
    title = "🧺 " + _("{title} has started").format(title=safe(hunt.name))
    return card(title, body, tone="success", footer=_("Bonus hunt #{n}").format(n=hunt.number))


def added(bonus: Bonus) -> discord.Embed:
    body = safe(bonus.provider) + "\n" + _("Bet {bet}").format(bet=show_amount(bonus.bet))
    return card(f"➕ #{bonus.position} {safe(bonus.slot)}", body.strip(), tone="success")


def removed(bonus: Bonus) -> discord.Embed:
    title = _("#{position} {slot} removed").format(position=bonus.position, slot=safe(bonus.slot))
    return card("➖ " + title, _("Undo with `/hunt undo`."))


def opening(hunt: Hunt) -> discord.Embed:
    title = _("{title} is open").format(title=safe(hunt.name))
    return card("🎰 " + title, _("Enter payouts with `/hunt result <payout>`."))


def result(bonus: Bonus) -> discord.Embed:
    assert bonus.payout is not None, "it was just opened"
    body = _("Bet {bet} → paid {payout} ({multiplier})").format(
        bet=show_amount(bonus.bet),
        payout=show_amount(bonus.payout),
        multiplier=times(bonus.payout / bonus.bet),
    )
    return card(f"✅ #{bonus.position} {safe(bonus.slot)}", body, tone="success")


def skipped(bonus: Bonus) -> discord.Embed:
    body = _("Undo with `/hunt undo`.")
    return card(f"⏭️ #{bonus.position} {safe(bonus.slot)}", body, tone="warning")


def edited(hunt: Hunt) -> discord.Embed:
    return card("✏️ " + _("{title} updated").format(title=safe(hunt.name)), tone="success")


def act_words(act: str) -> str:
    return {
        "add": _("bonus added"),
        "remove": _("bonus removed"),
        "edit": _("correction"),
        "open": _("opening started"),
        "result": _("result entered"),
        "skip": _("bonus skipped"),
        "guess_open": _("guessing opened"),
        "guess_close": _("guessing closed"),
        "finish": _("hunt finished"),
        "reopen": _("hunt reopened"),
    }.get(act, "–")


def audited_undo(_before: Any, after: Any) -> str:
    return _("undid the last step of hunt {target} ({what})").format(
        target="{target}", what=act_words(str(after))
    )


def undone(step: Step) -> discord.Embed:
    body = act_words(step.act) + (f" (#{step.position})" if step.position else "")
    return card("↩️ " + _("Undone"), body, tone="success")


def finished(view: View) -> discord.Embed:
    body = _("Start cost {cost}, returned {returned}: **{profit}**").format(
        cost=view.money(view.hunt.start_cost),
        returned=view.money(view.figures.returned),
        profit=signed(view.figures.profit),
    )
    if view.figures.left:
        body += "\n" + plural(
            "{count} bonus was not opened. Reopen the hunt with `/hunt reopen`.",
            "{count} bonuses were not opened. Reopen the hunt with `/hunt reopen`.",
            view.figures.left,
        )
    title = _("{title} is finished").format(title=safe(view.hunt.name))
    return card("🏁 " + title, body, tone="success")


def reopened(hunt: Hunt) -> discord.Embed:
    return card("🎰 " + _("{title} resumed").format(title=safe(hunt.name)), tone="success")


def shown(hunt: Hunt) -> discord.Embed:
    body = _("It updates with every step. Its buttons do the same as the commands.")
    return card("📌 " + _("{title} posted").format(title=safe(hunt.name)), body, tone="success")


def guessing(hunt: Hunt) -> discord.Embed:
    if hunt.guesses_open:
        body = _("It closes with the first result, or with `/hunt guesses close`.")
        return card("🔮 " + _("Guessing is open"), body, tone="success")
    return card("🔮 " + _("Guessing is closed"), tone="success")


def guessed(hunt: Hunt, amount: Decimal) -> discord.Embed:
    title = _("Your guess: {amount}").format(amount=f"{show_amount(amount)} {hunt.currency}")
    return card("🔮 " + title, _("Only your last guess counts."), tone="success")


PER_PAGE = 10


def history(views: Sequence[View], number: int, pages: int) -> discord.Embed:
    """A page of hunts, newest first."""
    if not views:
        return card("🧺 " + _("No bonus hunts yet"), _("Start one with `/hunt start`."))
    first = (number - 1) * PER_PAGE
    footer = _("Page {number} of {pages}").format(number=number, pages=pages) if pages > 1 else ""
    rows = [_hunt_row(view) for view in views[first : first + PER_PAGE]]
    return card("🧺 " + _("Bonus hunts"), lines(rows), footer=footer)


def _hunt_row(view: View) -> str:
    profit = f"{signed(view.figures.profit)} {view.hunt.currency}"
    line = f"`#{view.hunt.number}` **{safe(view.hunt.name)}** · {ago(view.hunt.started_at)}"
    line += f" · {view.figures.opened}/{view.figures.total} · {profit}"
    if view.best is not None and view.best.line.multiplier is not None:
        line += f" · 🏆 {safe(view.best.slot, 60)} {times(view.best.line.multiplier)}"
    return line


def stats(found: Stats, names: Names) -> discord.Embed:
    if not found.totals:
        return card("📊 " + _("No finished bonus hunts yet"), _("Start one with `/hunt start`."))
    rows = [
        plural("{count} hunt", "{count} hunts", total.hunts)
        + f" · {show_amount(total.cost)} → {show_amount(total.returned)} {total.currency}"
        + f" · **{signed(total.returned - total.cost)}**"
        for total in found.totals
    ]
    for mark, bonus in (("🏆", found.best), ("💀", found.worst)):
        if bonus is not None and bonus.line.multiplier is not None:
            by = f" · {safe(names[bonus.viewer_id])}" if bonus.viewer_id else ""
            multiplier = times(bonus.line.multiplier)
            rows.append(f"{mark} **{safe(bonus.slot)}** {multiplier} (#{bonus.hunt}){by}")
    return card("📊 " + _("Bonus hunts so far"), lines(rows))


# -- chat -----------------------------------------------------------------------------------------


def guesses_line(payload: Mapping[str, Any]) -> str:
    """Chat line: guessing was opened or closed, or a viewer won."""
    if payload["state"] == "open":
        return _(
            "{title}: guess the total payout! Type !{command} <amount> ({currency})."
        ).format_map(payload)
    if payload["state"] == "closed":
        return _("{title}: guessing is closed. Good luck!").format_map(payload)
    won = _("{title} returned {returned}. @{viewer} was closest with {amount}!").format(
        title=payload["title"],
        returned=_money(payload, "returned"),
        viewer=payload["viewer"],
        amount=_money(payload, "amount"),
    )
    if payload["tickets"]:
        tickets = plural("{count} raffle ticket", "{count} raffle tickets", payload["tickets"])
        won += " " + _("Prize: {tickets}.").format(tickets=tickets)
    return won


def guessed_line(payload: Mapping[str, Any]) -> str:
    """Chat reply to a guess."""
    return _("@{viewer} Your guess: {amount}.").format(
        viewer=payload["viewer"], amount=_money(payload, "amount")
    )


def guesses_in_line(payloads: Sequence[Mapping[str, Any]]) -> str:
    """Chat reply to many guesses at once."""
    return plural("{count} guess is in.", "{count} guesses are in.", len(payloads))


def rejected_line(payload: Mapping[str, Any]) -> str:
    """Chat reply to a guess that does not count."""
    replies = {
        "closed": _("Guessing is closed right now."),
        "which": _("@{viewer} How much? For example: !{command} 1250"),
        "amount": _("@{viewer} Invalid amount. Write it like 500 or 1234.50."),
    }
    return replies[payload["reason"]].format_map(payload)


def hunt_line(payload: Mapping[str, Any]) -> str:
    """Chat reply to `!hunt`."""
    opened = _("{opened} of {total} opened").format_map(payload)
    parts = [_("start cost {cost}").format(cost=_money(payload, "cost")), opened]
    if payload["state"] == "collecting":
        bonuses = plural("{count} bonus", "{count} bonuses", payload["total"])
        parts[1] = bonuses + " " + _("so far")
    else:
        parts.append(_("returned {returned}").format(returned=_money(payload, "returned")))
        if payload["break_even"] is not None:
            words = break_even_words(Decimal(payload["break_even"]))
            parts.append(_("break-even {words}").format(words=words))
        else:
            profit = f"{signed(Decimal(payload['profit']))} {payload['currency']}"
            parts.append(_("result {profit}").format(profit=profit))
    return f"{payload['title']}: " + ", ".join(parts) + "."
