"""How accounts on affiliate platforms look in Discord. Wagering is for adults: nothing here cheers
anybody on."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

import discord

from core.kit.discord_ui import ago, card, lines, safe
from core.kit.words import _, plural
from core.outbox.discord_transport import Rendered
from core.wagers.counted import Odd
from core.wagers.settings import DEFAULT_ROLE_NAME
from core.wagers.status import Status
from core.wagers.store import Account

PAGE = 20
"""Accounts on one page of the list."""


def money(amount: Decimal) -> str:
    """Dollars and cents, such as `$1,234.50`; what is below a cent is kept, but not shown."""
    return f"${amount.quantize(Decimal('0.01'), ROUND_DOWN):,}"


def _adults() -> str:
    return _("For adults only (18+).")


def linked(account: Account, title: str) -> discord.Embed:
    """Said to a member whose account is linked and not verified yet."""
    name = safe(account.username)
    if account.verified_at is not None:
        return own(account, title, None)
    return card(
        "🔗 " + _("{platform} account {name} is linked").format(platform=title, name=name),
        _("An admin still has to verify it. Only wagers placed after that count."),
        footer=_adults(),
    )


def own(account: Account | None, title: str, counted: Decimal | None) -> discord.Embed:
    """A member's own account, as it stands."""
    if account is None:
        return card(
            "🔗 " + _("No {platform} account is linked with you").format(platform=title),
            _("Link it with `/linkshuffle` and your username there."),
            footer=_adults(),
        )
    if account.verified_at is None:
        return linked(account, title)
    embed = card(
        "✅ "
        + _("{platform} account {name} is verified").format(
            platform=title, name=safe(account.username)
        ),
        _("Wagers placed after {date} count.").format(
            date=f"<t:{int(account.verified_at.timestamp())}:f>"
        ),
        tone="success",
        footer=_adults(),
    )
    if counted is not None:
        embed.add_field(name=_("Counted so far"), value=money(counted))
    if account.seen_at is not None:
        embed.add_field(name=_("Last looked at"), value=ago(account.seen_at))
    return embed


def unlinked(account: Account, title: str, *, by_admin: bool) -> discord.Embed:
    """It is linked no more."""
    stays = _("What was counted stays. Nothing more is counted with it.")
    again = _("They can link again at once.") if by_admin else _("Link again in 24 hours.")
    return card(
        "✂️ "
        + _("{platform} account {name} is unlinked").format(
            platform=title, name=safe(account.username)
        ),
        stays + "\n" + again,
    )


def verified(account: Account, title: str, role: str, *, anew: bool) -> discord.Embed:
    """Said to the admin. `role` is a sentence about the role."""
    if anew:
        counts = _("Wagers placed from now on count; earlier ones do not.")
    else:
        counts = _("It was verified before, and keeps counting as it did.")
    return card(
        "✅ "
        + _("{platform} account {name} is verified").format(
            platform=title, name=safe(account.username)
        ),
        _("It belongs to <@{member}> ({viewer} on Kick).").format(
            member=account.owner, viewer=safe(account.name)
        )
        + f"\n{counts}\n{role}",
        tone="success",
    )


def role_given(role_id: int) -> str:
    """The role is set and can be given."""
    return _("They get the role <@&{role_id}>.").format(role_id=role_id)


def no_role() -> str:
    """There is no role to give."""
    return _(
        "No role is given: make one called “{name}”, or choose one with `/settings set` "
        "(`wagers.verified_role`)."
    ).format(name=DEFAULT_ROLE_NAME)


def role_out_of_reach(role_id: int) -> str:
    """There is a role, and Discord will not let us give it."""
    return _(
        "I cannot assign <@&{role_id}>: I need the permission Manage Roles, and my own role must "
        "be above it in the role list."
    ).format(role_id=role_id)


def counted(amount: Decimal, number: int) -> discord.Embed:
    """What was held counts."""
    return card(
        "✅ " + _("Counted {amount}").format(amount=money(amount)),
        _("The held amount #{number} now counts as wagered.").format(number=number),
        tone="success",
    )


def dismissed(amount: Decimal, number: int) -> discord.Embed:
    """What was held does not count."""
    return card(
        "🗑️ " + _("Dismissed {amount}").format(amount=money(amount)),
        _("The held amount #{number} does not count.").format(number=number),
    )


# -- for admins -----------------------------------------------------------------------------------


def status(current: Status, *, is_set_up: bool) -> discord.Embed:
    """How the platform is doing here."""
    problem = _problem(current, is_set_up)
    embed = card(
        ("⚠️ " if problem else "📊 ") + _("{platform} wagers").format(platform=current.platform),
        problem or _("Members use `/linkshuffle`; you verify them with `/verifyshuffle`."),
        tone="warning" if problem else "system",
    )
    role = f"<@&{current.role_id}>" if current.role_id else f"“{DEFAULT_ROLE_NAME}”"
    embed.add_field(name=_("Campaign code"), value=safe(current.code) or _("not set"))
    embed.add_field(name=_("Role"), value=role)
    embed.add_field(name=_("Last answer"), value=_last(current))
    embed.add_field(name=_("Accounts"), value=_accounts(current), inline=False)
    if current.missing:
        names = [safe(account.username) for account in current.missing]
        embed.add_field(
            name=_("Not in the last answer"), value=lines([", ".join(names)[:900]]), inline=False
        )
    if current.odd:
        embed.add_field(name=_("Odd totals"), value=_odd(current.odd), inline=False)
    if current.troubles:
        rows = [f"{ago(poll.asked_at)} · {safe(poll.reason)}" for poll in current.troubles]
        embed.add_field(name=_("No answer"), value=lines(rows, 1000), inline=False)
    return embed


def _problem(current: Status, is_set_up: bool) -> str:
    if not is_set_up:
        return _("Nothing can be asked: the bot's owner has to set SHUFFLE_AFFILIATE_URL.")
    if not current.code:
        return _("Set your campaign code with `/settings set` (`wagers.shuffle_code`).")
    newest = current.troubles[0] if current.troubles else None
    if newest and (current.last is None or newest.asked_at > current.last.asked_at):
        return _("It is not answering right now. What is wagered meanwhile is counted later.")
    return ""


def _last(current: Status) -> str:
    if current.last is None:
        return _("none yet")
    said = ago(current.last.asked_at)
    if current.last.unreadable:
        said += "\n" + plural(
            "{count} line made no sense", "{count} lines made no sense", current.last.unreadable
        )
    return said


def _accounts(current: Status) -> str:
    verified = sum(account.verified_at is not None for account in current.accounts)
    waiting = [one for one in current.accounts if one.verified_at is None]
    said = plural("{count} verified", "{count} verified", verified)
    if waiting:
        said += ", " + plural("{count} waits for you", "{count} wait for you", len(waiting))
        rows = [f"<@{one.owner or one.discord_id}> · `{one.username}`" for one in waiting]
        said += "\n" + lines(rows, 800)
    return said


def _odd(odd: Sequence[Odd]) -> str:
    return lines([_odd_line(one) for one in odd], 1000)


def _odd_line(one: Odd) -> str:
    went = f"{money(one.total_before)} → {money(one.total)}"
    said = f"{ago(one.at)} · {safe(one.username)}: {went}"
    if not one.held:
        return said
    held = money(one.held)
    match one.decision:
        case "release":
            return said + " · " + _("{amount} counted by an admin").format(amount=held)
        case "dismissal":
            return said + " · " + _("{amount} dismissed by an admin").format(amount=held)
    choice = _("**{amount} held**: `/shuffle count {number}` or `/shuffle dismiss {number}`")
    return said + " · " + choice.format(amount=held, number=one.number)


def accounts(known: Sequence[Account], title: str, page: int) -> discord.Embed:
    """Who has linked what, one page of it."""
    if not known:
        return card(
            "🔗 " + _("Nobody has linked a {platform} account").format(platform=title),
            _("Members do it with `/linkshuffle`."),
        )
    rows = [
        ("✅ " if one.verified_at else "⏳ ")
        + f"`{one.username}` · {safe(one.name)}"
        + (f" · <@{one.owner}>" if one.owner else "")
        for one in known[page * PAGE : (page + 1) * PAGE]
    ]
    heading = plural("{count} account is linked", "{count} accounts are linked", len(known))
    legend = _("✅ verified, ⏳ waits to be verified")
    return card("🔗 " + heading, lines(rows), footer=legend)


# -- posted by the outbox -------------------------------------------------------------------------


def claimed(payload: Mapping[str, Any]) -> discord.Embed:
    """For the admins: somebody wants to be verified."""
    return card(
        "🔗 " + _("Is this their {platform} account?").format(platform=payload["platform"]),
        _("<@{member}> ({viewer} on Kick) says that `{username}` is theirs.").format(
            member=payload["discord_id"],
            viewer=safe(payload["viewer"]),
            username=payload["username"],
        )
        + "\n"
        + _("Once verified, what is wagered with it counts."),
    )


def posted_verified(payload: Mapping[str, Any]) -> Rendered:
    """For the member."""
    embed = card(
        "✅ "
        + _("{platform} account {name} is verified").format(
            platform=payload["platform"], name=safe(payload["username"])
        ),
        _("From now on it counts in **{server}**.").format(server=safe(payload["server"])),
        tone="success",
        footer=_adults(),
    )
    return Rendered(embed)


def odd_totals(payload: Mapping[str, Any]) -> discord.Embed:
    """For the admins: totals that fell, and rises that are held."""
    rows = [_odd_total(line) for line in payload["lines"]]
    if payload["more"]:
        rows.append(_("… and {count} more").format(count=payload["more"]))
    platform = payload["platform"]
    return card(
        "⚠️ " + _("Unusual totals at {platform}").format(platform=platform),
        lines(rows)
        + "\n\n"
        + _(
            "When a total drops, counting continues from the lower one. What jumps up at once is "
            "held: count it if it was really wagered, dismiss it if {platform} was wrong. "
            "`/shuffle status` lists everything that is held."
        ).format(platform=platform),
        tone="warning",
    )


def _odd_total(line: Mapping[str, Any]) -> str:
    before, total = Decimal(line["total_before"]), Decimal(line["total"])
    said = f"**{safe(line['username'])}**: {money(before)} → {money(total)}"
    held = Decimal(line["held"])
    if not held:
        return said
    return said + " · " + _("{amount} held").format(amount=money(held))


def posted_role_refused(payload: Mapping[str, Any]) -> Rendered:
    """For the admins: the role cannot be given."""
    if payload["deleted"]:
        why = _("It was deleted. Choose another with `/settings set` (`wagers.verified_role`).")
    else:
        why = role_out_of_reach(payload["role_id"])
    title = "⚠️ " + _("The role for verified accounts cannot be given")
    return Rendered(card(title, why, tone="warning"))
