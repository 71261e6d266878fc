"""Embeds about accounts on affiliate platforms. Wagering is for adults: nothing encourages it."""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

import discord

from core.kit.discord.ui import ago, card, lines, mention, safe
from core.kit.seen_roles import Obstacle, obstacle_words
from core.kit.text.words import _, plural
from core.outbox.discord_transport import Rendered
from core.wagers.counting import Odd
from core.wagers.polling import Status
from core.wagers.records import AffiliateAccount, Decision, Kind
from core.wagers.rules import DEFAULT_ROLE_NAME, TITLES, HeldReason

PAGE = 20
"""Accounts on one page of the list."""


def money(amount: Decimal) -> str:
    """Dollars and cents, such as `$1,234.50`; fractions of a cent are not shown."""
    return f"${amount.quantize(Decimal('0.01'), ROUND_DOWN):,}"


def with_amount(line: str, after: Any) -> str:
    """A line of the audit log whose `after` is an amount."""
    is_amount = re.fullmatch(r"\d+(\.\d+)?", str(after), re.ASCII)
    return line.replace("{after}", money(Decimal(after))) if is_amount else line


def _adults() -> str:
    return _("For adults only (18+).")


def _verified_title(platform: str, username: str) -> str:
    title = _("{platform} account {name} is verified")
    return "✅ " + title.format(platform=platform, name=safe(username))


def not_linked(platform: str) -> discord.Embed:
    title = _("You have not linked a {platform} account").format(platform=TITLES[platform])
    hint = _("Link it with `/linkshuffle` and your {platform} username.").format(
        platform=TITLES[platform]
    )
    return card("🔗 " + title, hint, footer=_adults())


def own(account: AffiliateAccount, counted: Decimal | None = None) -> discord.Embed:
    if account.verified_at is None:
        title = _("{platform} account {name} is linked").format(
            platform=TITLES[account.platform], name=safe(account.username)
        )
        waits = _("An admin still has to verify it. Only wagers placed after that will count.")
        return card("🔗 " + title, waits, footer=_adults())
    since = f"<t:{int(account.verified_at.timestamp())}:f>"
    embed = card(
        _verified_title(TITLES[account.platform], account.username),
        _("Wagers placed after {date} count.").format(date=since),
        tone="success",
        footer=_adults(),
    )
    if counted is not None:
        embed.add_field(name=_("Counted so far"), value=money(counted))
    if account.seen_at is not None:
        embed.add_field(name=_("Last checked"), value=ago(account.seen_at))
    return embed


def unlinked(account: AffiliateAccount, *, by_admin: bool) -> discord.Embed:
    title = _("{platform} account {name} is unlinked").format(
        platform=TITLES[account.platform], name=safe(account.username)
    )
    stays = _("Counted wagers stay. New ones no longer count.")
    again = _("They can link again now.") if by_admin else _("You can link again in 24 hours.")
    return card("✂️ " + title, f"{stays}\n{again}")


def verified(account: AffiliateAccount, role: str, *, is_new: bool) -> discord.Embed:
    """To the admin. `role` is a sentence about the role."""
    if is_new:
        counts = _("Wagers placed from now on count; earlier ones do not.")
    else:
        counts = _("It was already verified and keeps counting.")
    whose = _("It belongs to {member} ({viewer}).").format(
        member=mention(account.owner), viewer=safe(account.viewer_name)
    )
    title = _verified_title(TITLES[account.platform], account.username)
    return card(title, f"{whose}\n{counts}\n{role}", tone="success")


def role_given(role_id: int) -> str:
    return _("They will get the role <@&{role_id}>.").format(role_id=role_id)


def no_role() -> str:
    return _(
        "No role is assigned: create one called “{name}”, or choose one with `/settings set` "
        "(`wagers.verified_role`)."
    ).format(name=DEFAULT_ROLE_NAME)


def role_not_assigned(role_id: int, obstacle: Obstacle) -> str:
    return f"<@&{role_id}>: " + " ".join(obstacle_words(obstacle))


def decided(amount: Decimal, number: int, decision: Decision) -> discord.Embed:
    if decision == "release":
        return card(
            "✅ " + _("Counted {amount}").format(amount=money(amount)),
            _("The held amount #{number} now counts as wagered.").format(number=number),
            tone="success",
        )
    return card(
        "🗑️ " + _("Dismissed {amount}").format(amount=money(amount)),
        _("The held amount #{number} does not count.").format(number=number),
    )


# -- for admins -----------------------------------------------------------------------------------


def status(current: Status, *, is_set_up: bool) -> discord.Embed:
    wrong = problem(current, is_set_up)
    embed = card(
        ("⚠️ " if wrong else "📊 ") + _("{platform} wagers").format(platform=current.platform),
        wrong or _("Members link with `/linkshuffle`; you verify them with `/verifyshuffle`."),
        tone="warning" if wrong else "system",
    )
    role = f"<@&{current.role_id}>" if current.role_id else f"“{DEFAULT_ROLE_NAME}”"
    embed.add_field(name=_("Campaign code"), value=safe(current.code) or _("not set"))
    embed.add_field(name=_("Role"), value=role)
    embed.add_field(name=_("Last update"), value=_last(current))
    embed.add_field(name=_("Accounts"), value=_account_counts(current), inline=False)
    if current.missing:
        names = [safe(account.username) for account in current.missing]
        embed.add_field(
            name=_("Missing in the last update"),
            value=lines([", ".join(names)[:900]]),
            inline=False,
        )
    if current.odd:
        embed.add_field(
            name=_("Unusual totals"),
            value=lines([_odd_line(entry) for entry in current.odd], 1000),
            inline=False,
        )
    if current.failures:
        rows = [f"{ago(poll.asked_at)} · {safe(poll.reason)}" for poll in current.failures]
        embed.add_field(name=_("Failed requests"), value=lines(rows, 1000), inline=False)
    return embed


def problem(current: Status, is_set_up: bool) -> str:
    """Why nothing is counted, and what to do; "" if everything works."""
    if not is_set_up:
        return _("The bot's owner has to set SHUFFLE_AFFILIATE_URL.")
    if not current.code:
        return _("Set your campaign code with `/settings set` (`wagers.shuffle_code`).")
    newest = current.failures[0] if current.failures else None
    if newest and (current.last is None or newest.asked_at > current.last.asked_at):
        return _("Shuffle is not responding right now. Wagers placed meanwhile are counted later.")
    return ""


def _last(current: Status) -> str:
    if current.last is None:
        return _("none yet")
    said = ago(current.last.asked_at)
    if current.last.unreadable:
        said += "\n" + plural(
            "{count} invalid line", "{count} invalid lines", current.last.unreadable
        )
    return said


def _account_counts(current: Status) -> str:
    verified = sum(account.verified_at is not None for account in current.accounts)
    waiting = [account for account in current.accounts if account.verified_at is None]
    said = plural("{count} verified", "{count} verified", verified)
    if waiting:
        said += ", " + plural("{count} to verify", "{count} to verify", len(waiting))
        rows = [f"{mention(account.member)} · `{account.username}`" for account in waiting]
        said += "\n" + lines(rows, 800)
    return said


def _odd_line(odd: Odd) -> str:
    line = f"{ago(odd.at)} · {safe(odd.username)}: {money(odd.total_before)} → {money(odd.total)}"
    if not odd.held:
        return line
    if odd.decision is not None:
        what = decision_words(odd.decision)
    else:
        what = _("**{amount} held**: `/shuffle count {number}` or `/shuffle dismiss {number}`")
    why = f" ({reason_words(odd.reason)})" if odd.reason else ""
    return f"{line} · " + what.format(amount=money(odd.held), number=odd.number) + why


def reason_words(reason: HeldReason) -> str:
    """Why an amount is held."""
    return {
        "fast": _("above your hourly limit"),
        "returned": _("the total dropped and recovered"),
    }[reason]


def decision_words(decision: Kind) -> str:
    """What an admin did with a held `{amount}`."""
    if decision == "release":
        return _("{amount} counted by an admin")
    return _("{amount} dismissed by an admin")


def accounts(found: Sequence[AffiliateAccount], platform: str, page: int) -> discord.Embed:
    if not found:
        title = _("Nobody has linked a {platform} account").format(platform=TITLES[platform])
        return card("🔗 " + title, _("Members link theirs with `/linkshuffle`."))
    rows = [
        ("✅ " if account.verified_at else "⏳ ")
        + f"`{account.username}` · {safe(account.viewer_name)}"
        + (f" · {mention(account.owner)}" if account.owner else "")
        for account in found[(page - 1) * PAGE : page * PAGE]
    ]
    heading = plural("{count} linked account", "{count} linked accounts", len(found))
    return card("🔗 " + heading, lines(rows), footer=_("✅ verified, ⏳ waiting for verification"))


# -- posted by the outbox -------------------------------------------------------------------------


def claimed(payload: Mapping[str, Any]) -> discord.Embed:
    """To the admins: a member has linked an account."""
    return card(
        "🔗 " + _("Is this their {platform} account?").format(platform=payload["platform"]),
        _("{member} ({viewer}) says that `{username}` is theirs.").format(
            member=mention(payload["discord_id"]),
            viewer=safe(payload["viewer"]),
            username=payload["username"],
        )
        + "\n"
        + _("Its wagers count once you verify it."),
    )


def posted_verified(payload: Mapping[str, Any]) -> Rendered:
    embed = card(
        _verified_title(payload["platform"], payload["username"]),
        _("Its wagers now count in **{server}**.").format(server=safe(payload["server"])),
        tone="success",
        footer=_adults(),
    )
    return Rendered(embed)


def odd_totals(payload: Mapping[str, Any]) -> discord.Embed:
    """To the admins: totals that fell, and increases that are held."""
    rows = [_odd_total(line) for line in payload["lines"]]
    if payload["more"]:
        rows.append(_("… and {count} more").format(count=payload["more"]))
    platform = payload["platform"]
    return card(
        "⚠️ " + _("Unusual totals at {platform}").format(platform=platform),
        lines(rows)
        + "\n\n"
        + _(
            "If a total drops and recovers, the recovered amount is held, like any increase above "
            "your limit. Count it if it was really wagered, or "
            "dismiss it if {platform} was wrong. See held amounts with `/shuffle status`."
        ).format(platform=platform),
        tone="warning",
    )


def _odd_total(line: Mapping[str, Any]) -> str:
    before, total, held = (Decimal(line[key]) for key in ("total_before", "total", "held"))
    text = f"**{safe(line['username'])}**: {money(before)} → {money(total)}"
    return text + " · " + _("{amount} held").format(amount=money(held)) if held else text


def posted_role_refused(payload: Mapping[str, Any]) -> Rendered:
    """To the admins: the role cannot be assigned."""
    if payload["obstacle"] == "deleted":
        why = _("It was deleted. Choose another with `/settings set` (`wagers.verified_role`).")
    else:
        why = role_not_assigned(payload["role_id"], payload["obstacle"])
    title = "⚠️ " + _("The role for verified accounts can't be assigned")
    return Rendered(card(title, why, tone="warning"))
