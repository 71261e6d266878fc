"""The buttons under a call. They are found by their custom id, so they outlive restarts."""

import re
from datetime import datetime
from typing import Any

import discord
from sqlalchemy import Connection

from core.kit.discord_access import for_moderators, may_manage
from core.kit.discord_ui import card, kindly, private_word, refusal_card, safe, services_of
from core.kit.words import _
from core.slot_calls import actions

_TEMPLATE = r"slot_calls:(?P<act>done|skip|block):(?P<number>[0-9]+)"


def call_buttons(number: int) -> discord.ui.View:
    """Done, Skip, Block viewer. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    for act in ("done", "skip", "block"):
        view.add_item(CallButton(act, number))
    return view


class CallButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_TEMPLATE):
    """One of the three, for the call with this number in the server where it is pressed."""

    def __init__(self, act: str, number: int) -> None:
        label, style = {
            "done": (_("Done"), discord.ButtonStyle.success),
            "skip": (_("Skip"), discord.ButtonStyle.secondary),
            "block": (_("Block viewer"), discord.ButtonStyle.danger),
        }[act]
        super().__init__(
            discord.ui.Button(label=label, style=style, custom_id=f"slot_calls:{act}:{number}")
        )
        self.act = act
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "CallButton":
        return cls(match["act"], int(match["number"]))

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.permissions.manage_messages or await may_manage(interaction, __name__):
            return True
        refusal = for_moderators("Manage Messages", __name__)
        await private_word(interaction, refusal_card(refusal))
        return False

    async def callback(self, interaction: discord.Interaction) -> None:
        services = services_of(interaction)
        async with kindly(interaction):
            # The post itself is changed by the outbox, so that it is right even if we stop here.
            await interaction.response.defer()
            blocked = await services.database.run(self._act, interaction, services.clock())
            if blocked is not None:
                title = _("{name} can no longer request slots").format(name=safe(blocked))
                undo = _("Undo with `/slotcalls unblock`.")
                await private_word(interaction, card("🚫 " + title, undo))

    def _act(self, tx: Connection, interaction: discord.Interaction, now: datetime) -> str | None:
        guild_id, actor = interaction.guild_id or 0, interaction.user.id
        if self.act == "block":
            return actions.block_caller(tx, guild_id, self.number, actor, now)
        ending: actions.Ending = "done" if self.act == "done" else "skipped"
        actions.close_call(tx, guild_id, self.number, ending, actor, now)
        return None
