"""`/vip`, and the buttons in the log channel."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.database.work import Work
from core.kit.discord.arguments import Count, Number, Whole
from core.kit.discord.buttons import ActionButton
from core.kit.discord.ui import answer, guild_id_of, run_action, server_group, services_of
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.vips import actions, lookup, messages, rewards, store
from core.vips.records import Reward, Session
from core.vips.rules import RewardForm, parse_minutes

Context = commands.Context[commands.Bot]

# -- buttons --------------------------------------------------------------------------------------


class VipButton(ActionButton, template=r"vips:(?P<act>extend|remove):(?P<number>[0-9]{1,18})"):
    """Extends a VIP by the default duration, or removes it."""

    permission = "manage_guild"
    shows_result = True

    def __init__(self, act: str, number: int) -> None:
        label, style = {
            "extend": (_("Extend"), discord.ButtonStyle.primary),
            "remove": (_("Remove"), discord.ButtonStyle.danger),
        }[act]
        custom_id = f"vips:{act}:{number}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))
        self.act, self.number = act, number

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        if self.act == "extend":
            return messages.changed(*await run_action(interaction, _extend, self.number))
        return messages.revoked(await run_action(interaction, _revoke, self.number))


def buttons(number: int) -> discord.ui.View:
    """The buttons for moderators. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    for act in ("extend", "remove"):
        view.add_item(VipButton(act, number))
    return view


def render_log(payload: Mapping[str, Any]) -> Rendered:
    """An entry of the log, with buttons if the VIP is not over."""
    embed, number = messages.log_entry(payload), payload["number"]
    if payload["is_live"] and payload["act"] in ("granted", "extended", "adopted"):
        return Rendered(embed, lambda: buttons(number))
    return Rendered(embed)


# -- commands -------------------------------------------------------------------------------------


def _extend(work: Work, who: str | int, minutes: int | None = None) -> tuple[Session, str]:
    """By name or number. The viewer's name can only be read within the transaction."""
    number = who if isinstance(who, int) else lookup.find_session(work, who).number
    session = actions.extend(work, number, minutes)
    return session, session.viewer_name


def _revoke(work: Work, who: str | int) -> str:
    number = who if isinstance(who, int) else lookup.find_session(work, who).number
    return actions.revoke(work, number).viewer_name


def _adopt(work: Work, who: str, minutes: int | None) -> tuple[Session, str]:
    known = lookup.find_manual(work, who)
    name = known.viewer_name
    return actions.adopt(work, known.viewer_id, minutes), name


def _list(work: Work) -> discord.Embed:
    return messages.vips(store.list_live(work), store.list_manual(work))


def _list_rewards(work: Work) -> discord.Embed:
    return messages.rewards(store.list_rewards(work))


class Vips(commands.Cog):
    """VIP on Twitch for a limited time."""

    @server_group("vip", for_admins=True, fallback="list")
    async def vip(self, ctx: Context) -> None:
        """List all VIPs with their end and reason."""
        await answer(ctx, await run_action(ctx, _list))

    @vip.command(name="give")
    @app_commands.describe(
        viewer="Twitch name or mention", duration="Such as 24h or 7d; default: the server's default"
    )
    async def give(self, ctx: Context, viewer: str, *, duration: str = "") -> None:
        """Give somebody VIP for a limited time."""
        minutes = parse_minutes(duration) if duration else None
        services, guild_id = services_of(ctx), guild_id_of(ctx)
        person = await asyncio.to_thread(lookup.find_person, services, guild_id, viewer)
        session = await run_action(ctx, actions.give, person, minutes)
        await answer(ctx, messages.changed(session, person.name))

    @vip.command(name="extend")
    @app_commands.describe(
        viewer="Name or #number", duration="Such as 24h; default: the server's default"
    )
    async def extend(self, ctx: Context, viewer: str, *, duration: str = "") -> None:
        """Add time to somebody's VIP."""
        minutes = parse_minutes(duration) if duration else None
        session, name = await run_action(ctx, _extend, viewer, minutes)
        await answer(ctx, messages.changed(session, name))

    @vip.command(name="extendall")
    @app_commands.describe(duration="Such as 24h or 7d")
    async def extend_all(self, ctx: Context, *, duration: str) -> None:
        """Add time to everybody's VIP."""
        minutes = parse_minutes(duration)
        count = await run_action(ctx, actions.extend_all, minutes)
        await answer(ctx, messages.extended_all(count, minutes))

    @vip.command(name="remove")
    @app_commands.describe(viewer="Name or #number")
    async def remove(self, ctx: Context, *, viewer: str) -> None:
        """Remove somebody's VIP now."""
        await answer(ctx, messages.revoked(await run_action(ctx, _revoke, viewer)))

    @vip.command(name="adopt")
    @app_commands.describe(
        viewer="A VIP added on Twitch", duration="Such as 7d; default: the server's default"
    )
    async def adopt(self, ctx: Context, viewer: str, *, duration: str = "") -> None:
        """Set an end date for a VIP added on Twitch."""
        minutes = parse_minutes(duration) if duration else None
        session, name = await run_action(ctx, _adopt, viewer, minutes)
        await answer(ctx, messages.changed(session, name))

    @vip.group(name="reward", fallback="list")
    async def reward(self, ctx: Context) -> None:
        """List the channel-point rewards."""
        await answer(ctx, await run_action(ctx, _list_rewards))

    @reward.command(name="create")
    @app_commands.describe(
        title="What viewers see",
        cost="In channel points",
        duration="How long VIP lasts, such as 24h; default: the server's default",
    )
    async def create(self, ctx: Context, title: str, cost: Count, *, duration: str = "") -> None:
        """Sell VIP for channel points."""
        minutes = parse_minutes(duration) if duration else 0
        form = RewardForm(title=title, cost=cost, minutes=minutes)
        await self._answer(ctx, await run_action(ctx, rewards.create_reward, form))

    @reward.command(name="edit")
    @app_commands.describe(
        number="The reward's number",
        title="What viewers see",
        cost="In channel points",
        duration="How long VIP lasts, such as 24h",
        prompt="Description",
        colour="Such as #9147FF",
        per_stream="Maximum redemptions per stream; 0: no limit",
        per_viewer="Maximum redemptions per viewer and stream; 0: no limit",
        cooldown="Seconds between two redemptions; 0: none",
    )
    async def edit(
        self,
        ctx: Context,
        number: Number,
        title: str | None = None,
        cost: Count | None = None,
        duration: str | None = None,
        prompt: str | None = None,
        colour: str | None = None,
        per_stream: Count | None = None,
        per_viewer: Count | None = None,
        cooldown: Annotated[int, Whole(unit="s")] | None = None,
    ) -> None:
        """Change a reward."""
        values = {
            "title": title,
            "cost": cost,
            "minutes": parse_minutes(duration) if duration else None,
            "prompt": prompt,
            "colour": colour,
            "max_per_stream": per_stream,
            "max_per_user": per_viewer,
            "cooldown_seconds": cooldown,
        }
        await self._answer(ctx, await run_action(ctx, rewards.change_reward, number, **values))

    @reward.command(name="pause")
    @app_commands.describe(number="The reward's number")
    async def pause(self, ctx: Context, number: Number) -> None:
        """Pause a reward until you resume it."""
        await self._answer(ctx, await run_action(ctx, rewards.pause_reward, number, paused=True))

    @reward.command(name="resume")
    @app_commands.describe(number="The reward's number")
    async def resume(self, ctx: Context, number: Number) -> None:
        """Resume a reward."""
        await self._answer(ctx, await run_action(ctx, rewards.pause_reward, number, paused=False))

    @reward.command(name="again")
    @app_commands.describe(number="The reward's number")
    async def again(self, ctx: Context, number: Number) -> None:
        """Recreate a reward that was deleted on Twitch."""
        await self._answer(ctx, await run_action(ctx, rewards.recreate_reward, number))

    @reward.command(name="use")
    @app_commands.describe(number="The reward's number", used="Redeeming it gives VIP")
    async def use(self, ctx: Context, number: Number, used: bool = True) -> None:
        """Turn VIP on or off for a reward."""
        await self._answer(ctx, await run_action(ctx, rewards.use_reward, number, used=used))

    @reward.command(name="delete")
    @app_commands.describe(number="The reward's number")
    async def delete(self, ctx: Context, number: Number) -> None:
        """Delete a reward. Its open redemptions are refunded first."""
        await self._answer(ctx, await run_action(ctx, rewards.delete_reward, number))

    async def _answer(self, ctx: Context, reward: Reward) -> None:
        await answer(ctx, messages.reward_changed(reward))
