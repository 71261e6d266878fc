"""The draw's embeds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import discord
from discord.utils import TimestampStyle, format_dt

from core.draws import words
from core.kit.discord.ui import Tone, ago, card, duration, lines, mention, safe, view_of
from core.kit.runtime.clock import parse_instant
from core.kit.text.words import _, plural
from core.outbox.discord_transport import Rendered
from core.raffle.draw.posts import ROLL_NAMES, ROLLS
from core.raffle.draw.publishing import Past, Proof
from core.raffle.draw.store import Holders
from core.raffle.draw_records import Draw, PickState
from core.raffle.ledger.messages import add_counts, add_prize, dates_words, without_prize
from core.raffle.records import Period

# -- about the draw -------------------------------------------------------------------------------


def opened(payload: Mapping[str, Any]) -> Rendered:
    """A raffle was opened: the commitment, and the expected round."""
    title = _("Raffle #{number} is coming") if payload["planned"] else _("Raffle #{number} is open")
    body = dates_words(*(parse_instant(payload[name]) for name in ("starts_at", "ends_at")))
    embed = _embed("🎟️", title, payload, body, tone="kick")
    embed.add_field(name=_("Winners"), value=f"{payload['winners']:,}")
    embed.add_field(
        name=_("SHA-256 of the secret seed"),
        value=f"```\n{payload['commitment']}\n```"
        + _("The seed is fixed now and published after the draw, so nobody can change it later."),
        inline=False,
    )
    _add_plan(embed, payload)
    return with_page(embed, payload, _("How the draw works"))


def planned(payload: Mapping[str, Any]) -> Rendered:
    """The planned freeze changed, and with it the expected round."""
    embed = _embed("📅", _("Raffle #{number}: the draw was rescheduled"), payload)
    _add_plan(embed, payload)
    return with_page(embed, payload, _("How the draw works"))


def _add_plan(embed: discord.Embed, payload: Mapping[str, Any]) -> None:
    rule = _("The tickets are frozen {frozen}. {beacon} picks the winner.").format(
        frozen=_time(payload["planned_at"]), beacon=_beacon(payload)
    )
    other = _(
        "If they are frozen at another time, it is the first round published at least 5 minutes "
        "later."
    )
    embed.add_field(
        name=_("How the winner is drawn"),
        value=f"{rule}{words.warning_words(payload['is_public'])}\n{other}",
        inline=False,
    )


def _beacon(payload: Mapping[str, Any]) -> str:
    """The round that decides."""
    when = _time(payload["round_at"], "T", "R")
    return words.round_words(payload["is_public"], payload["round"], when)


def frozen(payload: Mapping[str, Any]) -> Rendered:
    """The hash of the frozen list, and the round that decides."""
    title = _("Raffle #{number}: the tickets are frozen")
    embed = _embed("🧊", title, payload, _next_step(payload))
    if payload["earlier"]:
        warning = _(
            "The bot freezes a raffle only once, so the database was modified after {times}."
        )
        embed.insert_field_at(
            0,
            name="⚠️ " + _("This raffle was frozen before"),
            value=warning.format(times=", ".join(map(_time, payload["earlier"]))),
            inline=False,
        )
    add_counts(embed, payload["entrants"], payload["tickets"], payload["left_out"])
    window = duration(60 * payload["claim_minutes"])
    embed.add_field(name=_("Time to claim the prize"), value=window)
    embed.add_field(
        name=_("SHA-256 of the frozen list"), value=f"```\n{payload['hash']}\n```", inline=False
    )
    before = payload["previous"]
    embed.set_footer(
        text=_("Frozen list {freeze_number} of this server").format_map(payload)
        + (" · " + _("before it: {hash}").format(hash=before[:16]) if before else "")
    )
    embed.url = f"{payload['page']}#freeze-{payload['freeze_number']}-{payload['hash']}"
    return with_page(embed, payload, _("The list and the draw"))


def _next_step(payload: Mapping[str, Any]) -> str:
    if payload["round"] is None:
        return "⚠️ " + _(
            "An admin chose to draw without the public beacon. Whoever runs the bot could have "
            "known "
            "the result in advance."
        )
    drawn = _("{beacon} picks the winner.").format(beacon=_beacon(payload))
    drawn += words.warning_words(payload["is_public"])
    if not payload["is_public"]:
        return drawn
    drawn += " " + _(
        "Nobody can know it before. Tickets can no longer be added or removed. `/raffleproof` "
        "shows "
        "your own entry."
    )
    plan = payload["plan"]
    if not plan["planned_at"]:
        return drawn
    if plan["round"] == payload["round"]:
        return drawn + "\n" + _("This is the announced round.")
    why = (
        _("Round {round} was announced, but the list was frozen earlier than planned ({planned}).")
        if parse_instant(payload["frozen_at"]) < parse_instant(plan["planned_at"])
        else _(
            "Round {round} was announced, but the list was frozen later than planned ({planned})."
        )
    )
    return drawn + "\n" + why.format(round=plan["round"], planned=_time(plan["planned_at"]))


def given_up(payload: Mapping[str, Any]) -> Rendered:
    """An admin chose to draw without the announced round."""
    body = _(
        "Round **{round}** was announced for {when}, but an admin drew without waiting for it. "
        "Whoever runs the bot could have known the result in advance."
    ).format(round=payload["round"], when=_time(payload["round_at"], "T", "R"))
    title = _("Raffle #{number} is drawn without the beacon")
    embed = _embed("⚠️", title, payload, body, tone="warning")
    return with_page(embed, payload, _("The list and the draw"))


def reveal(payload: Mapping[str, Any]) -> Rendered:
    """The animation before the winners are posted."""
    turn, names = payload["roll"], payload["names"]
    shown = names[(turn - 1) * ROLL_NAMES :][:ROLL_NAMES] or names[:ROLL_NAMES]
    bar = "▰" * turn + "▱" * (ROLLS - turn)
    title = _("Raffle #{number}: drawing …").format_map(payload)
    among = plural("{count} ticket", "{count} tickets", payload["total"])
    body = " · ".join(f"`{name}`" for name in shown)
    return Rendered(card(f"🥁 {title}", f"{bar} {among}\n{body}", tone="warning"))


def skipped(payload: Mapping[str, Any]) -> Rendered:
    """The person drawn cannot win."""
    title = _("Draw {k} of raffle #{number} cannot win").format_map(payload)
    body = _("`{pseudonym}` was drawn and is skipped: {reason}.").format(
        pseudonym=payload["pseudonym"][:12], reason=reason_words(payload["reason"])
    )
    return Rendered(card("⏭️ " + title, body, tone="warning"))


def refrozen(payload: Mapping[str, Any]) -> Rendered:
    """Discord has a frozen list that was removed from the database."""
    title = _("Raffle #{number}: a frozen list was removed from the database")
    body = _(
        "The bot posted another frozen list after this raffle opened, but the database "
        "doesn't contain it. Whoever runs the bot may have drawn before and started over:"
    )
    links = lines([f"- {url}" for url in payload["rows"]])
    embed = _embed("⚠️", title, payload, f"{body}\n{links}", tone="warning")
    return with_page(embed, payload, _("The list and the draw"))


def undelivered(payload: Mapping[str, Any]) -> Rendered:
    """For the admins: the hash of a frozen list could not be posted."""
    title = _("Raffle #{number} is frozen, but the announcement failed")
    body = _(
        "Posting the list's hash in <#{channel_id}> failed. The draw waits for that post, because "
        "otherwise nobody could check the result. Allow me to post in that channel and retry on "
        "the "
        "health page, or choose another channel with `/settings set raffle.channel`."
    ).format_map(payload)
    return Rendered(_embed("⚠️", title, payload, body, tone="warning"))


def nobody(payload: Mapping[str, Any]) -> Rendered:
    title = _("Raffle #{number}: no eligible entrants left")
    embed = _embed("🍃", title, payload, tone="warning")
    return with_page(embed, payload, _("Check it yourself"))


# -- about a winner -------------------------------------------------------------------------------

_ICONS: dict[PickState, str] = {
    "drawn": "🎉",
    "claimed": "🎁",
    "delivered": "✅",
    "expired": "⌛",
    "skipped": "🚫",
}


def winner(payload: Mapping[str, Any]) -> discord.Embed:
    """A winner's post, from the draw to the delivered prize."""
    whom = mention(payload["discord_id"])
    kept = f"{whom}\n" + _("It could be claimed until {when}.")
    texts: dict[PickState, tuple[Tone, str, str]] = {
        "drawn": (
            "kick",
            _("{name} wins raffle #{number}!"),
            _("{whom}, claim your prize by {when}, or another winner will be drawn."),
        ),
        "claimed": ("success", _("{name} claimed the prize of raffle #{number}"), kept),
        "delivered": ("success", _("{name} received the prize of raffle #{number}"), kept),
        "expired": (
            "warning",
            _("{name} didn't claim the prize of raffle #{number}"),
            _("Time's up. Drawing another winner."),
        ),
        "skipped": (
            "warning",
            _("{name} can no longer win raffle #{number}"),
            _("Reason: {reason}. Another winner will be drawn."),
        ),
    }
    tone, title, body = texts[payload["state"]]
    when, reason = _time(payload["expires_at"], "f", "R"), reason_words(payload["reason"])
    body = body.format(whom=whom, when=when, reason=reason)
    embed = _embed(_ICONS[payload["state"]], title, payload, body, tone=tone)
    share = payload["tickets"] / payload["total"]
    embed.add_field(
        name=_("Tickets"), value=f"{payload['tickets']:,} / {payload['total']:,} ({share:.1%})"
    )
    entry = _("entry {entry} · claimant {claimant}").format(
        entry=payload["pseudonym"][:12], claimant=payload["claimant"]
    )
    beacon = words.drawn_words(payload["with_beacon"])
    number = _("Winner {k}").format_map(payload)
    return embed.set_footer(text=f"{number} · {entry} · {beacon}")


def won(payload: Mapping[str, Any]) -> discord.Embed:
    body = _("In **{server}**, as {name}. Claim your prize by {when}.").format(
        server=safe(payload["server"]),
        name=safe(payload["name"], 60),
        when=_time(payload["expires_at"], "f", "R"),
    )
    return _embed("🎉", _("You won raffle #{number}!"), payload, body, tone="kick")


def unreachable(payload: Mapping[str, Any]) -> Rendered:
    """For the admins: neither the post nor a direct message reached the winner."""
    title = _("I couldn't notify {name} that they won raffle #{number}")
    body = _(
        "The post in <#{channel_id}> failed or was deleted, and their DMs are closed. Their time "
        "to claim is paused. Choose a channel that I can post in with "
        "`/settings set raffle.channel`, and I'll post there."
    ).format_map(payload)
    return Rendered(_embed("⚠️", title, payload, body, tone="warning"))


# -- answers --------------------------------------------------------------------------------------


def question(period: Period, holders: Holders, with_beacon: bool, is_public: bool) -> discord.Embed:
    """Asks an admin to confirm a draw. `is_public`: the configured beacon is the public one."""
    how = words.promise_words(with_beacon, is_public)
    body = _("The ticket list will be frozen and its hash posted. Later tickets won't count.")
    title = _("Draw raffle #{number}?").format(number=period.number)
    body = without_prize(f"{body}\n{how}", period.prize, has_ended=True)
    embed = card("🎟️ " + title, body, tone="warning")
    add_counts(
        add_prize(embed, period.prize),
        len(holders.accounts),
        sum(holders.tickets),
        len(holders.left_out),
    )
    embed.add_field(name=_("Winners"), value=f"{period.winners_wanted:,}")
    ended = _("Ended {when}").format(when=ago(period.ends_at))
    return embed.add_field(name=_("Period"), value=ended, inline=False)


def give_up_question(waiting: Draw) -> discord.Embed:
    """Asks an admin to confirm a draw without the late round."""
    title = _("Draw raffle #{number} without the beacon?").format(number=waiting.period)
    due = ago(waiting.round_at) if waiting.round_at else ""
    body = _(
        "Round {round} was due {due}, but the beacon isn't responding. You can keep waiting: the "
        "bot tries again every few seconds. If you draw without it, the announcement says that "
        "the draw did **not use the public beacon**."
    ).format(round=waiting.round, due=due)
    return card("⚠️ " + title, body, tone="warning")


def freeze_started(number: int) -> discord.Embed:
    title = _("Raffle #{number} is frozen").format(number=number)
    body = _("It will be announced and then drawn automatically.")
    return card("🧊 " + title, body, tone="success")


def another_draw_question(number: int, last: datetime) -> discord.Embed:
    """Asks an admin to confirm another draw soon after the last one."""
    title = _("Draw raffle #{number} anyway?").format(number=number)
    body = _("The last draw was {when}.").format(when=ago(last))
    return card("⚠️ " + title, body, tone="warning")


def history(past: Sequence[Past]) -> discord.Embed:
    if not past:
        return card("🎟️ " + _("No draws yet"), _("Winners will appear here."))
    return card("🏆 " + _("Latest raffles"), lines([_past(raffle) for raffle in past]), tone="kick")


def _past(raffle: Past) -> str:
    period = raffle.period
    prize = safe(period.prize, 80, links=True) or _("no prize set")
    frozen = (
        "⚠️ " + _("Frozen more than once: {times}")
        if len(raffle.freezes) > 1
        else _("Frozen {times}")
    ).format(times=", ".join(format_dt(at, "f") for at in raffle.freezes))
    result = ", ".join(
        f"{safe(raffle.names[pick.viewer_id], 40)} {_ICONS[pick.state]}" for pick in raffle.winners
    )
    if period.is_cancelled:
        result = _("cancelled")
    elif not result:
        states = {"open": _("not drawn"), "frozen": _("waiting for the beacon")}
        result = states.get(period.state, _("no winner"))
    when = format_dt(period.ends_at, "d")
    return f"**[#{period.number}]({raffle.page})** · {prize} · {when}\n{frozen}\n{result}"


def proof(found: Proof) -> discord.Embed:
    tickets = plural("{count} ticket", "{count} tickets", found.tickets)
    steps = [
        _("1. Your entry is `{pseudonym}` with {tickets}.").format(
            pseudonym=found.pseudonym, tickets=tickets
        ),
        _("2. It's yours: the SHA-256 of this code begins with it.")
        + f"\n```\n{found.secret} {found.account}\n```",
        _("3. It's in [the list]({list}) whose hash was posted.").format(
            list=f"{found.page}/snapshot.txt"
        ),
    ]
    if found.claimant_secret:
        steps.append(
            _(
                "4. Only you can claim its prize: the SHA-256 of this code begins with `{code}`."
            ).format(code=found.claimant)
            + f"\n```\n{found.claimant_secret} {found.claimant_account}\n```"
        )
    elif found.claimant:
        steps.append(
            "⚠️ "
            + _(
                "4. Another member can claim its prize: the one who had it linked when the list "
                "was frozen."
            )
        )
    title = _("Your entry in raffle #{number}").format(number=found.number)
    footer = _("Keep this private: the code shows which entry is yours.")
    return card("🔎 " + title, "\n".join(steps), footer=footer)


def proof_view(found: Proof) -> discord.ui.View:
    """A link that finds the entry; the part after # is not sent to any server."""
    fragment = urlencode({"proof": f"{found.secret} {found.account}"})
    return _link_button(f"{found.page}#{fragment}", _("Show my entry"))


# -- parts ----------------------------------------------------------------------------------------


def _embed(
    icon: str, title: str, payload: Mapping[str, Any], body: str = "", tone: Tone = "system"
) -> discord.Embed:
    """An embed about a raffle; `payload` fills the title's placeholders."""
    values = {**payload, "name": safe(payload.get("name", ""), 60)}
    embed = card(f"{icon} {title.format_map(values)}", body, tone=tone)
    return add_prize(embed, payload["prize"])


def _time(instant: str, style: TimestampStyle = "f", also: TimestampStyle | None = None) -> str:
    """An instant of a payload; `also` adds another style in brackets."""
    at = parse_instant(instant)
    shown = format_dt(at, style)
    return f"{shown} ({format_dt(at, also)})" if also else shown


def reason_words(reason: str | None) -> str:
    """The public reason for a skip."""
    return {
        "excluded": _("excluded by an admin"),
        "banned": _("banned"),
        "unlinked": _("no longer linked to the Discord account it had when the list was frozen"),
        "won_already": _("already won in this draw"),
    }.get(reason or "", "")


def with_page(embed: discord.Embed, payload: Mapping[str, Any], label: str) -> Rendered:
    """An embed with a button that opens the draw's page."""
    return Rendered(embed, lambda: _link_button(payload["page"], label))


def _link_button(url: str, label: str) -> discord.ui.View:
    return view_of(discord.ui.Button(label=label, url=url))
