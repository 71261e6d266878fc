"""Embeds about reward roles."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import discord

from core.guilds.channels import describe_trouble
from core.kit import seen_roles
from core.kit.discord.ui import ago, card, duration, lines, mention, safe, status_card
from core.kit.seen_roles import Obstacle
from core.kit.text.words import _, gain_and_loss, plural
from core.outbox.discord_transport import Rendered
from core.roles.actions import Status
from core.roles.reconcile import Plan
from core.roles.records import RoleReward
from core.roles.rules import Step
from core.roles.store import Holder

PAGE = 15
"""Members on a page."""

_MARKS = {"on": "🟢", "off": "⏸️", "ending": "🧹"}


def obstacle_words(obstacle: Obstacle) -> tuple[str, str]:
    what, remedy = seen_roles.obstacle_words(obstacle)
    if obstacle == "deleted":
        remedy = _("Remove it with `/roles remove`, or choose another one with `/roles add`.")
    return what, remedy


def role_name(reward: RoleReward) -> str:
    """A mention, or the last name of a deleted role."""
    return f"**{safe(reward.name)}**" if reward.obstacle == "deleted" else f"<@&{reward.role_id}>"


def needs(minutes: int | None) -> str:
    return _("for linking") if minutes is None else duration(minutes * 60)


def everyone_gets(role: str, minutes: int | None) -> str:
    if minutes is None:
        return _("Everyone who links an account gets {role}.").format(role=role)
    return _(
        "Everyone with at least {time} of watchtime gets {role}, including time already watched."
    ).format(time=needs(minutes), role=role)


# -- rewards ------------------------------------------------------------------------------------


def rewards(current: Status, holders: Mapping[int, int]) -> discord.Embed:
    """All rewards, how many members have them, and any problem assigning them."""
    title = "🎖️ " + _("Reward roles")
    if not current.rewards:
        how = _(
            "Add one with `/roles add <role> <minutes>`: everyone with that much watchtime gets it."
        )
        return card(title, how)
    rows = [
        _row(reward, holders.get(reward.role_id, 0), current.given.get(reward.role_id, 0))
        for reward in current.rewards
    ]
    return card(title, lines([*rows, "", "-# " + _how(current)]), tone="kick")


def _row(reward: RoleReward, holders: int, given: int) -> str:
    have = plural("{count} member", "{count} members", holders)
    ours = _("({given} assigned by the bot)").format(given=f"{given:,}")
    states = {"on": "", "off": " · " + _("off"), "ending": " · " + _("being removed")}
    mark = "⚠️" if reward.obstacle else _MARKS[reward.state]
    row = f"{mark} {role_name(reward)} · **{needs(reward.minutes)}**"
    row += f"{states[reward.state]} · {have} {ours}"
    if reward.obstacle is None:
        return row
    what, remedy = obstacle_words(reward.obstacle)
    return f"{row}\n-# {what} {remedy}"


def _how(current: Status) -> str:
    if current.settings.mode == "highest":
        return _("Members keep only their highest role. Change it with `/roles mode`.")
    return _("Members keep every role they reach. Change it with `/roles mode`.")


def status(current: Status, every_seconds: int) -> discord.Embed:
    """Settings, problems and the last check."""
    stuck = [r for r in current.rewards if r.obstacle is not None and r.state != "off"]
    troubles = [
        f"{role_name(reward)}: " + " ".join(obstacle_words(reward.obstacle or "refused"))
        for reward in stuck
    ]
    if current.settings.congratulate == "channel" and not current.settings.channel:
        troubles.append(_("Choose a channel for congratulations: `/settings set roles.channel`"))
    elif current.settings.congratulate == "channel" and current.trouble:
        troubles.append(
            _("Congratulations: {trouble}").format(trouble=describe_trouble(current.trouble))
        )
    checks = _("All members are checked every {time}; new roles are assigned immediately.")
    on = sum(reward.state == "on" for reward in current.rewards)
    return status_card(
        _("Some roles can't be assigned") if stuck else _("Reward roles"),
        current.settings,
        lines([*troubles, *([""] if troubles else []), _last_check(current)]),
        works=not troubles,
        facts={
            _("Rewards"): _("{on} on").format(on=on),
            _("Pending changes"): f"{current.waiting:,}",
        },
        footer=checks.format(time=duration(every_seconds)),
    )


def _last_check(current: Status) -> str:
    check = current.check
    if check is None or check.checked_at is None:
        return _("Members were not checked yet.")
    return _("Last check {ago}: {given} assigned, {taken} removed.").format(
        ago=ago(check.checked_at), given=f"{check.given:,}", taken=f"{check.taken:,}"
    )


def changed(what: str, body: str, warning: tuple[str, str] | None = None) -> discord.Embed:
    """A reward was added or changed, with a warning if there is a problem."""
    if warning is None:
        return card("✅ " + what, body, tone="success")
    return card("✅ " + what, f"{body}\n\n⚠️ **{warning[0]}** {warning[1]}", tone="warning")


# -- pages of members ---------------------------------------------------------------------------


def preview(plan: Plan, page: int) -> discord.Embed:
    """A page of who would gain and lose what."""
    asked = [step for step in plan.steps if step.asks]
    title = "🔎 " + _("What would change now")
    if not asked:
        return card(title, _("Nothing. Everyone has the roles they earned."), tone="success")
    shown = asked[(page - 1) * PAGE : page * PAGE]
    rows = [*_sums(plan), "", *(_step(step, plan) for step in shown)]
    return card(title, lines(rows), footer=_("Preview only: nothing was changed"))


def _sums(plan: Plan) -> list[str]:
    gain = Counter(step.role_id for step in plan.steps if step.to == "giving")
    loss = Counter(step.role_id for step in plan.steps if step.to == "taking")
    return [
        f"<@&{r.role_id}> · **{gain_and_loss(gain[r.role_id], loss[r.role_id])}**"
        for r in plan.policy.rewards
        if gain[r.role_id] or loss[r.role_id]
    ]


def _step(step: Step, plan: Plan) -> str:
    sign = "➕" if step.to == "giving" else "➖"
    watched = plan.members[step.discord_id].watched
    long = "" if watched is None else f" ({duration(watched.total_seconds())})"
    return (
        f"{sign} {mention(step.discord_id)} <@&{step.role_id}> · {reason_words(step.reason)}{long}"
    )


def reason_words(reason: str) -> str:
    return {
        "reached": _("enough watchtime"),
        "linked": _("linked"),
        "unlinked": _("not linked"),
        "below": _("not enough watchtime"),
        "higher": _("has a higher role"),
        "ended": _("reward removed"),
        "uncounted": _("excluded from watchtime"),
    }[reason]


def members(reward: RoleReward, holders: Sequence[Holder], page: int) -> discord.Embed:
    """A page of who has a role, and from whom."""
    title = "🎖️ " + safe(reward.name)
    if not holders:
        return card(title, _("Nobody has this role yet."))
    shown = holders[(page - 1) * PAGE : page * PAGE]
    head = f"{role_name(reward)} · {needs(reward.minutes)}"
    rows = [head, "", *(_holder(holder) for holder in shown)]
    return card(title, lines(rows), tone="kick")


def state_words() -> dict[str, str]:
    """State of a grant -> its words."""
    return {
        "giving": _("being assigned"),
        "taking": _("being removed"),
        "given": _("assigned by the bot"),
    }


def _holder(holder: Holder) -> str:
    how = state_words().get(holder.state, _("assigned manually"))
    since = f" · {ago(holder.at)}" if holder.at is not None and holder.state == "given" else ""
    return f"{mention(holder.discord_id)} · {how}{since}"


# -- posts --------------------------------------------------------------------------------------


def reached(payload: Mapping[str, Any]) -> Rendered:
    """A congratulation. Roles cannot be mentioned in direct messages."""
    time = duration(payload["minutes"] * 60)
    if payload["way"] == "dm":
        words = _("You have watched **{time}** and now have the role **{role}** in **{server}**.")
    else:
        words = _("{member} has watched **{time}** and is now <@&{role_id}>.")
    body = words.format(
        time=time,
        role=safe(payload["role"]),
        server=safe(payload["server"]),
        member=mention(payload["discord_id"]),
        role_id=payload["role_id"],
    )
    return Rendered(card("🎉 " + _("New role"), body, tone="kick"))


def stopped(payload: Mapping[str, Any]) -> Rendered:
    """Alert to the admins: a role can no longer be assigned."""
    what, remedy = obstacle_words(payload["obstacle"])
    title = _("I can't assign the role {role}").format(role=safe(payload["name"]))
    later = _("Once that is fixed, everyone gets the roles they earned.")
    return Rendered(card("⚠️ " + title, f"{what} {remedy}\n{later}", tone="warning"))
