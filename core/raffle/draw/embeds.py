"""How a draw looks in Discord."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import discord
from discord.utils import format_dt

from core.kit.clock import parse_instant
from core.kit.discord_ui import Tone, ago, card, duration, lines, safe
from core.kit.words import _, plural
from core.outbox.discord_transport import Rendered
from core.raffle.draw.actions import Preview
from core.raffle.draw.announcing import ROLL_NAMES, ROLLS
from core.raffle.draw.buttons import ClaimButton
from core.raffle.draw.exclusions import Exclusion
from core.raffle.draw.publishing import Past, Proof
from core.raffle.draw.store import Draw


def opened(payload: Mapping[str, Any]) -> Rendered:
    """A raffle is open: the commitment, and the round that is expected to decide."""
    starts, ends = parse_instant(payload["starts_at"]), parse_instant(payload["ends_at"])
    title = (
        _("Raffle #{number} is coming") if payload.get("planned") else _("Raffle #{number} is open")
    )
    embed = card(
        "🎟️ " + title.format(number=payload["number"]),
        _("From {start} to {end} ({when}).").format(
            start=format_dt(starts, "f"), end=format_dt(ends, "f"), when=ago(ends)
        ),
        tone="kick",
    )
    _prize(embed, payload["prize"])
    embed.add_field(name=_("Winners"), value=f"{payload['winners']:,}")
    embed.add_field(
        name=_("SHA-256 of the secret seed"),
        value=f"```\n{payload['commitment']}\n```"
        + _("The seed is fixed now and published after the draw, so nobody can choose it later."),
        inline=False,
    )
    _plan(embed, payload)
    return Rendered(embed, lambda: _page_button(payload["page"], _("How the draw works")))


def planned(payload: Mapping[str, Any]) -> Rendered:
    """The planned freeze changed, so another round is expected."""
    title = _("Raffle #{number}: the draw was rescheduled").format(number=payload["number"])
    embed = card("📅 " + title, tone="system")
    _prize(embed, payload["prize"])
    _plan(embed, payload)
    return Rendered(embed, lambda: _page_button(payload["page"], _("How the draw works")))


def _plan(embed: discord.Embed, payload: Mapping[str, Any]) -> None:
    """The rule and the expected round. Payloads of earlier versions have neither."""
    if not payload.get("planned_at"):
        return
    rule = (
        _(
            "The tickets are frozen {frozen}. Round **{round}** of the public beacon "
            "[drand](https://drand.love), published {when}, picks the winner."
        )
        if payload["is_public"]
        else "⚠️ "
        + _(
            "The tickets are frozen {frozen}. Round **{round}** of a beacon that is not the public "
            "one, published {when}, picks the winner. Whoever runs that beacon could know the "
            "result in advance."
        )
    ).format(
        frozen=format_dt(parse_instant(payload["planned_at"]), "f"),
        round=payload["round"],
        when=format_dt(parse_instant(payload["round_at"]), "T"),
    )
    other = _(
        "If they are frozen at another time, it is the first round published at least 5 minutes "
        "later."
    )
    embed.add_field(name=_("How the winner is drawn"), value=f"{rule}\n{other}", inline=False)


def frozen(payload: Mapping[str, Any]) -> Rendered:
    """The hash of the frozen list, and the round that decides."""
    embed = card(
        "🧊 " + _("Raffle #{number}: the tickets are frozen").format(number=payload["number"]),
        _next_step(payload),
        tone="system",
    )
    if payload.get("earlier"):
        times = ", ".join(format_dt(parse_instant(at), "f") for at in payload["earlier"])
        warning = _("The bot freezes a raffle once. Somebody changed the database since {times}.")
        embed.add_field(
            name="⚠️ " + _("This raffle was frozen before"),
            value=warning.format(times=times),
            inline=False,
        )
    _prize(embed, payload["prize"])
    embed.add_field(name=_("Entrants"), value=f"{payload['entrants']:,}")
    embed.add_field(name=_("Tickets"), value=f"{payload['tickets']:,}")
    if payload["left_out"]:
        embed.add_field(name=_("Left out"), value=_left_out(payload["left_out"]))
    if payload.get("claim_minutes"):
        window = duration(60 * payload["claim_minutes"])
        embed.add_field(name=_("Time to claim the prize"), value=window)
    embed.add_field(
        name=_("SHA-256 of the frozen list"), value=f"```\n{payload['hash']}\n```", inline=False
    )
    return Rendered(embed, lambda: _page_button(payload["page"], _("The list and the draw")))


def _next_step(payload: Mapping[str, Any]) -> str:
    if payload["round"] is None:
        return "⚠️ " + _(
            "An admin chose to draw without the public beacon. Whoever runs the bot could know "
            "the result in advance."
        )
    which = {"round": payload["round"], "when": _at(parse_instant(payload["round_at"]))}
    if not payload.get("is_public", True):
        return "⚠️ " + _(
            "The winner is drawn with round **{round}** of a beacon that is not the public one: "
            "{when}. Whoever runs that beacon could know the result in advance."
        ).format(**which)
    drawn = _(
        "The winner is drawn with round **{round}** of the public beacon "
        "[drand](https://drand.love), published {when}. Nobody knows it before. No ticket can be "
        "added or removed any more. `/raffleproof` shows your own entry."
    ).format(**which)
    return drawn + _why_this_round(payload)


def _why_this_round(payload: Mapping[str, Any]) -> str:
    plan = payload.get("plan") or {}
    if not plan.get("planned_at"):
        return ""
    if plan["round"] == payload["round"]:
        return "\n" + _("This is the round that was announced.")
    frozen, planned_at = parse_instant(payload["frozen_at"]), parse_instant(plan["planned_at"])
    why = (
        _("Round {round} was announced, but the list was frozen earlier than planned ({planned}).")
        if frozen < planned_at
        else _(
            "Round {round} was announced, but the list was frozen later than planned ({planned})."
        )
    )
    return "\n" + why.format(round=plan["round"], planned=format_dt(planned_at, "f"))


def given_up(payload: Mapping[str, Any]) -> Rendered:
    """An admin draws without the announced round."""
    title = _("Raffle #{number} is drawn without the beacon").format(number=payload["number"])
    body = _(
        "Round **{round}** was announced for {when}, but an admin chose not to wait for it. "
        "Whoever runs the bot could know the result in advance."
    ).format(round=payload["round"], when=_at(parse_instant(payload["round_at"])))
    embed = card("⚠️ " + title, body, tone="warning")
    return Rendered(embed, lambda: _page_button(payload["page"], _("The list and the draw")))


def _at(instant: datetime) -> str:
    return f"{format_dt(instant, 'T')} ({ago(instant)})"


def _left_out(count: int) -> str:
    return plural("{count} not linked or excluded", "{count} not linked or excluded", count)


_STATES: dict[str, tuple[str, Tone]] = {
    "drawn": ("🎉", "kick"),
    "claimed": ("🎁", "success"),
    "delivered": ("✅", "success"),
    "expired": ("⌛", "warning"),
    "skipped": ("🚫", "warning"),
}


def winner(payload: Mapping[str, Any]) -> Rendered:
    """A winner's post, from the draw to the delivered prize. It mentions the winner."""
    icon, tone = _STATES[payload["state"]]
    embed = card(f"{icon} {_title(payload)}", _winner_text(payload), tone=tone)
    _prize(embed, payload["prize"])
    if payload["tickets"]:
        share = payload["tickets"] / payload["total"]
        embed.add_field(
            name=_("Tickets"), value=f"{payload['tickets']:,} / {payload['total']:,} ({share:.1%})"
        )
    embed.set_footer(text=_footer(payload))
    if payload["state"] != "drawn":
        return Rendered(embed, lambda: _page_button(payload["page"], _("Check it yourself")))
    return Rendered(embed, lambda: _claim_view(payload), calls=int(payload["discord_id"]))


def reveal(payload: Mapping[str, Any]) -> Rendered:
    """The animation before the winners are posted."""
    turn, names = payload["roll"], payload["names"]
    shown = names[(turn - 1) * ROLL_NAMES :][:ROLL_NAMES] or names[:ROLL_NAMES]
    bar = "▰" * turn + "▱" * (ROLLS - turn)
    title = _("Raffle #{number}: drawing …").format(number=payload["number"])
    among = plural("{count} ticket", "{count} tickets", payload["total"])
    body = " · ".join(f"`{name}`" for name in shown)
    return Rendered(card(f"🥁 {title}", f"{bar} {among}\n{body}", tone="warning"))


def _title(payload: Mapping[str, Any]) -> str:
    name = safe(payload["name"], 60)
    titles = {
        "drawn": _("{name} wins raffle #{number}!"),
        "claimed": _("{name} has claimed the prize of raffle #{number}"),
        "delivered": _("{name} has the prize of raffle #{number}"),
        "expired": _("{name} did not claim the prize of raffle #{number}"),
        "skipped": _("{name} can no longer win raffle #{number}"),
    }
    return titles[payload["state"]].format(name=name, number=payload["number"])


def _winner_text(payload: Mapping[str, Any]) -> str:
    whom = f"<@{payload['discord_id']}>"
    if payload["state"] == "drawn":
        return _("{whom}, claim your prize {when}, or another winner will be drawn.").format(
            whom=whom, when=_before(parse_instant(payload["expires_at"]))
        )
    if payload["state"] == "skipped":
        return _("Reason: {reason}. Another winner will be drawn.").format(
            reason=reason_words(payload["reason"])
        )
    if payload["state"] == "expired":
        return _("Time's up. Drawing another winner.")
    return whom


def _before(instant: datetime) -> str:
    return _("by {when}").format(when=f"{format_dt(instant, 'f')} ({ago(instant)})")


def _footer(payload: Mapping[str, Any]) -> str:
    number = _("Winner {k}").format(k=payload["k"])
    if payload.get("claimant"):
        number += " · " + _("entry {entry} · claimant {claimant}").format(
            entry=payload["pseudonym"][:12], claimant=payload["claimant"]
        )
    if payload["with_beacon"]:
        return number + " · " + _("drawn with the public beacon")
    return number + " · ⚠️ " + _("drawn WITHOUT the public beacon")


def _prize(embed: discord.Embed, prize: str) -> None:
    if prize:
        embed.add_field(name=_("Prize"), value=safe(prize, 300), inline=False)


def won(payload: Mapping[str, Any]) -> Rendered:
    """The direct message to the winner."""
    embed = card(
        "🎉 " + _("You won raffle #{number}!").format(number=payload["number"]),
        _("In **{server}**, as {name} on Kick. Claim your prize {when}.").format(
            server=safe(payload["server"]),
            name=safe(payload["name"], 60),
            when=_before(parse_instant(payload["expires_at"])),
        ),
        tone="kick",
    )
    _prize(embed, payload["prize"])
    return Rendered(embed, lambda: _claim_view(payload))


def unreachable(payload: Mapping[str, Any]) -> Rendered:
    """For the admins: neither the post nor a direct message reached the winner."""
    title = _("I could not tell {name} that they won raffle #{number}").format(
        name=safe(payload["name"], 60), number=payload["number"]
    )
    body = _(
        "The post in <#{channel}> failed or was deleted, and their DMs are closed. Their time to "
        "claim is paused. Choose a channel that I can post in with "
        "`/settings set raffle.channel`, and I'll post there."
    ).format(channel=payload["channel_id"])
    embed = card("⚠️ " + title, body, tone="warning")
    _prize(embed, payload["prize"])
    return Rendered(embed)


def skipped(payload: Mapping[str, Any]) -> Rendered:
    """Somebody was drawn who cannot win."""
    title = _("Draw {k} of raffle #{number} cannot win").format(
        k=payload["k"], number=payload["number"]
    )
    body = _("`{pseudonym}` was drawn and is skipped: {reason}.").format(
        pseudonym=payload["pseudonym"][:12], reason=reason_words(payload["reason"])
    )
    return Rendered(card("⏭️ " + title, body, tone="warning"))


def reason_words(reason: str) -> str:
    """The public reason for skipping somebody."""
    return {
        "excluded": _("excluded by an admin"),
        "banned": _("banned"),
        "unlinked": _("no longer linked to a Discord account"),
        "won_already": _("won in this draw already"),
    }[reason]


def nobody(payload: Mapping[str, Any]) -> Rendered:
    """There is no entrant left who could win."""
    title = _("Raffle #{number}: no eligible entrants left").format(number=payload["number"])
    embed = card("🍃 " + title, "", tone="warning")
    _prize(embed, payload["prize"])
    return Rendered(embed, lambda: _page_button(payload["page"], _("Check it yourself")))


def _claim_view(payload: Mapping[str, Any]) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    view.add_item(ClaimButton(int(payload["guild_id"]), payload["number"], payload["k"]))
    view.add_item(discord.ui.Button(label=_("Check it yourself"), url=payload["page"]))
    return view


def _page_button(page: str, label: str) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label=label, url=page))
    return view


# -- answers ------------------------------------------------------------------------------------


def question(found: Preview, with_beacon: bool) -> discord.Embed:
    """Asks an admin to confirm the draw."""
    body = [
        _("The list of tickets is frozen and its hash is posted. Later tickets do not count."),
        _(
            "The winner is drawn automatically with a public random number that is published at "
            "least 5 minutes later."
        )
        if with_beacon
        else "⚠️ "
        + _(
            "Winners are drawn at once **without the public beacon**, and the announcement says so."
        ),
    ]
    embed = card(
        "🎟️ " + _("Draw raffle #{number}?").format(number=found.period.number),
        "\n".join(body),
        tone="warning",
    )
    _prize(embed, found.period.prize)
    embed.add_field(name=_("Entrants"), value=f"{found.holders.entrants:,}")
    embed.add_field(name=_("Tickets"), value=f"{found.holders.tickets:,}")
    embed.add_field(name=_("Winners"), value=f"{found.period.winners_wanted:,}")
    if found.holders.left_out:
        embed.add_field(name=_("Left out"), value=_left_out(found.holders.left_out))
    ended = _("Ended {when}").format(when=ago(found.period.ends_at))
    embed.add_field(name=_("Period"), value=ended, inline=False)
    return embed


def give_up_question(waiting: Draw) -> discord.Embed:
    """Asks an admin whether to draw without the round that is late."""
    title = _("Draw raffle #{number} without the beacon?").format(number=waiting.period)
    due = ago(waiting.round_at) if waiting.round_at else ""
    body = _(
        "Round {round} was due {due}, but the beacon does not answer. You can keep waiting: the "
        "bot tries again every few seconds. If you draw without it, the announcement says that "
        "the draw did **not use the public beacon**."
    ).format(round=waiting.round, due=due)
    return card("⚠️ " + title, body, tone="warning")


def history(past: Sequence[Past]) -> discord.Embed:
    """The last draws."""
    if not past:
        return card("🎟️ " + _("No draws yet"), _("Winners will appear here."))
    rows = [_past(one) for one in past]
    return card("🏆 " + _("The last raffles"), lines(rows), tone="kick")


def _past(one: Past) -> str:
    prize = safe(one.prize, 80) or _("no prize named")
    head = f"**[#{one.number}]({one.page})** · {prize} · {format_dt(one.ended_at, 'd')}"
    frozen = ", ".join(format_dt(at, "f") for at in one.freezes)
    if len(one.freezes) > 1:
        frozen = "⚠️ " + _("Frozen more than once: {times}").format(times=frozen)
    elif frozen:
        frozen = _("Frozen {times}").format(times=frozen)
    head += f"\n{frozen}" if frozen else ""
    names = [f"{safe(name, 40)} {_STATES[state][0]}" for name, state in one.winners]
    return head + "\n" + (", ".join(names) or _state_word(one.state))


def _state_word(state: str) -> str:
    return {
        "open": _("not drawn"),
        "frozen": _("waiting for the beacon"),
        "cancelled": _("cancelled"),
    }.get(state, _("no winner"))


def exclusions(excluded: Sequence[Exclusion]) -> discord.Embed:
    """Who is excluded from winning."""
    if not excluded:
        return card(_("Nobody is excluded"), _("Exclude with `/raffleexclude add`."))
    rows = [f"{safe(one.name)} · {_cause(one)}" for one in excluded]
    title = plural(
        "{count} viewer cannot win",
        "{count} viewers cannot win",
        len({e.viewer_id for e in excluded}),
    )
    return card("🚫 " + title, lines(rows))


def _cause(one: Exclusion) -> str:
    if one.cause == "admin":
        why = f" · {safe(one.reason, 80)}" if one.reason else ""
        return _("by <@{admin}>").format(admin=one.excluded_by) + why
    if one.cause == "discord_ban":
        return _("banned on Discord")
    until = " " + _("until {when}").format(when=ago(one.until)) if one.until else ""
    return _("banned on Kick") + until


def proof(found: Proof) -> discord.Embed:
    """A viewer's own entry in a frozen list."""
    tickets = plural("{count} ticket", "{count} tickets", found.tickets)
    steps = [
        _("1. Your entry is `{pseudonym}` with {tickets}.").format(
            pseudonym=found.pseudonym, tickets=tickets
        ),
        _("2. It is yours: the SHA-256 of this code begins with it.")
        + f"\n```\n{found.secret} {found.account}\n```",
        _("3. It is in [the list]({list}) whose hash was posted.").format(
            list=f"{found.page}/snapshot.txt"
        ),
    ]
    title = _("Your entry in raffle #{number}").format(number=found.number)
    embed = card("🔎 " + title, "\n".join(steps))
    embed.set_footer(text=_("Keep this private: the code shows which entry is yours."))
    return embed


def proof_view(found: Proof) -> discord.ui.View:
    """A link that finds the entry; the part after # is not sent to any server."""
    fragment = urlencode({"proof": f"{found.secret} {found.account}"})
    return _page_button(f"{found.page}#{fragment}", _("Show my entry"))
