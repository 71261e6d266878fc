"""Buttons that survive a restart, because all their data is in the custom id.

`PersistentButton` is the base of all. An `ActionButton` runs an action, an `AdminButton` acts on a
numbered record, a `ConfirmButton` answers a question, and an `OwnButton` replies privately, such as
with a personal link.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import discord
from discord.ext import commands

from core.kit.discord.access import is_admin
from core.kit.discord.choices import ask_privately
from core.kit.discord.errors import gone, handle_errors
from core.kit.discord.ui import (
    answer,
    card,
    permission_names,
    reply_privately,
    sent_by_dm,
    services_of,
    view_of,
)
from core.kit.errors import Refusal, Unclear
from core.kit.services import Services
from core.kit.text.cleaning import clean
from core.kit.text.words import _

MAX_ROWS = 5
"""Discord shows five rows of buttons."""

FORM_SECONDS = 900
"""How long discord.py tracks a form; later submissions are handled, too."""

Button = discord.ui.Button[discord.ui.View]

Person = discord.User | discord.Member

Reply = discord.Embed | tuple[discord.Embed, discord.ui.View]
"""The embed that replaces an answered question; with a view if it is another question."""

Face = tuple[str, discord.ButtonStyle]
"""A button's label, which may contain `{number}` and `{name}`, and its colour."""


class PersistentButton(discord.ui.DynamicItem[Button], ABC, template=r"(?!)"):
    """Base of persistent buttons.

    Subclass with `template=` the pattern of the custom id. Its groups are the arguments of
    `__init__`; one that matched digits only is passed as an int.

    Attributes:
        permission: what a member needs to press the button, if not Manage Server or the command
            group of the button's package; empty for everybody.
    """

    permission: ClassVar[str] = ""

    @abstractmethod
    async def callback(self, interaction: discord.Interaction) -> None:
        """Called when somebody with the permission presses the button."""

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Self:
        make: Callable[..., Self] = cls
        groups = match.groupdict(default="")
        return make(**{name: int(t) if t.isdecimal() else t for name, t in groups.items()})

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if not self.permission or getattr(interaction.permissions, self.permission):
            return True
        needed = permission_names([self.permission])
        return await is_admin(interaction, type(self).__module__, needed)


class ActionButton(PersistentButton, template=r"(?!)"):
    """Base of a button that does something when it is pressed.

    Attributes:
        shows_result: show that the bot is thinking.
    """

    shows_result: ClassVar[bool] = False

    @abstractmethod
    async def press(self, interaction: discord.Interaction) -> discord.Embed | None:
        """Run the action; the returned embed is shown to the member only."""

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            shows = self.shows_result
            await interaction.response.defer(ephemeral=shows, thinking=shows)
            embed = await self.press(interaction)
            if embed is not None:
                await reply_privately(interaction, embed)


class FormButton(ActionButton, template=r"(?!)"):
    """Base of a button that may ask for something in a form. A submitted form arrives even if the
    bot was restarted in the meantime: the form has the custom id of its button."""

    @abstractmethod
    def form(self) -> discord.ui.Modal | None:
        """The form to show; None to run the action at once."""

    @abstractmethod
    async def submit(
        self, interaction: discord.Interaction, typed: Mapping[str, str]
    ) -> discord.Embed | None:
        """Run the action with the submitted texts, by custom id of their fields; the returned embed
        is shown to the member only."""

    async def press(self, interaction: discord.Interaction) -> discord.Embed | None:
        return await self.submit(interaction, {})

    async def callback(self, interaction: discord.Interaction) -> None:
        form = self.form()
        if form is None:
            await super().callback(interaction)
            return
        async with handle_errors(interaction):
            form.custom_id = self.custom_id
            await interaction.response.send_modal(form)


def form_of(title: str, **fields: str) -> discord.ui.Modal:
    """A form with text fields: custom id -> label. A label ending in `?` makes the field optional.
    Needs a running event loop."""
    form = discord.ui.Modal(title=title[:45], timeout=FORM_SECONDS)
    for name, label in fields.items():
        form.add_item(
            discord.ui.TextInput(
                label=label[:45], custom_id=name, required=not label.endswith("?"), max_length=200
            )
        )
    return form


async def receive_form(interaction: discord.Interaction, buttons: Iterable[type[Any]]) -> None:
    """Pass a submitted form to the button that opened it."""
    if interaction.type is not discord.InteractionType.modal_submit:
        return
    sent: Any = interaction.data
    for kind in buttons:
        match = kind.__discord_ui_compiled_template__.fullmatch(sent["custom_id"])
        if match is None or not issubclass(kind, FormButton):
            continue
        fields = [field for row in sent["components"] for field in row["components"]]
        typed = {field["custom_id"]: clean(str(field["value"])) for field in fields}
        async with handle_errors(interaction):
            button = await kind.from_custom_id(interaction, None, match)  # type: ignore[arg-type]
            if await button.interaction_check(interaction):
                await interaction.response.defer()
                await _submit(interaction, button, typed)


async def _submit(
    interaction: discord.Interaction, button: FormButton, typed: Mapping[str, str]
) -> None:
    try:
        embed = await button.submit(interaction, typed)
    except Unclear as unclear:
        was = unclear.typed

        async def again(pressed: discord.Interaction, value: str) -> None:
            chosen = {name: value if text == was else text for name, text in typed.items()}
            await _submit(pressed, button, chosen)

        await ask_privately(interaction, unclear, again)
        return
    if embed is not None:
        await reply_privately(interaction, embed)


async def decline_unknown(interaction: discord.Interaction, known: Iterable[type[Any]]) -> None:
    """Answer a button or menu of an old post that no longer exists in this version."""
    if interaction.type is not discord.InteractionType.component:
        return
    sent: Any = interaction.data
    patterns = (kind.__discord_ui_compiled_template__ for kind in known)
    if not any(pattern.fullmatch(sent["custom_id"]) for pattern in patterns):
        async with handle_errors(interaction):
            raise gone()


class AdminButton(ActionButton, template=r"(?!)"):
    """Performs one of its actions on a numbered record, in the server where it is pressed. Only
    admins may use it. Needs a running event loop.

    Class arguments:
        address: the prefix of the custom ids.
        acts: the actions of its buttons.

    Args:
        act: one of these actions.
        number: the record's number.
        name: the record's name, for the label; it is unknown when the button is pressed.
    """

    permission = "manage_guild"
    shows_result = True
    address: str

    def __init_subclass__(cls, *, address: str, acts: Sequence[str]) -> None:
        cls.address = address
        ids = rf"{re.escape(address)}:(?P<act>{'|'.join(acts)}):(?P<number>[0-9]{{1,18}})"
        super().__init_subclass__(template=ids)

    def __init__(self, act: str, number: int, name: str = "") -> None:
        label, style = self.face(act)
        super().__init__(
            discord.ui.Button(
                label=label.format(number=number, name=name).strip()[:80],
                style=style,
                custom_id=f"{self.address}:{act}:{number}",
            )
        )
        self.act = act
        self.number = number

    @staticmethod
    @abstractmethod
    def face(act: str) -> Face:
        """Label and style of the button for this action."""


def button_rows(rows: Iterable[Sequence[AdminButton]]) -> discord.ui.View:
    """Rows of buttons, at most `MAX_ROWS`. Needs a running event loop."""
    shown = list(rows)
    for number, buttons in enumerate(shown):
        for button in buttons:
            button.row = number
    return view_of(*(button for buttons in shown for button in buttons))


# -- questions ------------------------------------------------------------------------------------


class ConfirmButton(PersistentButton, template=r"(?!)"):
    """Base of a confirmation button.

    Args:
        asker_id: the only member who may press it; None for everybody with its `permission`.
    """

    def __init__(self, label: str, custom_id: str, asker_id: int | None = None) -> None:
        style = discord.ButtonStyle.danger
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))
        self.asker_id = asker_id

    @abstractmethod
    async def confirm(self, interaction: discord.Interaction) -> Reply:
        """Run the confirmed action. The result replaces the question."""

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if self.asker_id is not None and not await was_asked(interaction, self.asker_id):
            return False
        return await super().interaction_check(interaction)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            await interaction.response.defer()
            reply = await self.confirm(interaction)
            embed, view = reply if isinstance(reply, tuple) else (reply, None)
            await interaction.edit_original_response(embed=embed, view=view)


def question_view(yes: discord.ui.Item[Any], asker_id: int, keep: str = "") -> discord.ui.View:
    """A confirm button and a cancel button. Needs a running event loop."""
    return view_of(yes, KeepButton(asker_id, keep or _("Cancel")))


async def was_asked(interaction: discord.Interaction, asker_id: int) -> bool:
    """Whether the question was for this member; other members get a reply that says it was not."""
    if interaction.user.id == asker_id:
        return True
    embed = card("⚠️ " + _("Only the person who ran this can answer"), tone="warning")
    await reply_privately(interaction, embed)
    return False


class KeepButton(PersistentButton, template=r"question:keep:(?P<asker_id>[0-9]{1,20})"):
    """Cancels: nothing changes, and the question is replaced."""

    def __init__(self, asker_id: int, label: str = "?") -> None:
        custom_id = f"question:keep:{asker_id}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id))
        self.asker_id = asker_id

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await was_asked(interaction, self.asker_id)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            embed = card("✅ " + _("Cancelled. Nothing changed."))
            await interaction.response.edit_message(embed=embed, view=None)


# -- what is one's own ----------------------------------------------------------------------------


class OwnButton(ActionButton, template=r"(?!)"):
    """Base of a button that replies privately, with something only for the member who presses it.

    Attributes:
        address: its custom id, and the `template` of the subclass, which may also give each button
            its own id.
    """

    shows_result = True
    address: ClassVar[str]

    def __init__(self, address: str = "") -> None:
        style, own = discord.ButtonStyle.primary, address or self.address
        super().__init__(discord.ui.Button(label=self.words(), style=style, custom_id=own))

    @staticmethod
    @abstractmethod
    def words() -> str:
        """The label."""

    @abstractmethod
    async def give(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        """The reply, as arguments of discord.py's `send`. It can be sent once."""

    async def give_by_dm(self, services: Services, guild: discord.Guild, person: Person) -> bool:
        """Send it by direct message; False if those are closed, and then nothing has changed."""
        return await sent_by_dm(person, **await self.give(services, guild, person))

    async def give_privately(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        """Send it by direct message if possible; returns the private reply."""
        if await self.give_by_dm(services, guild, person):
            return {"embed": _sent()}
        return await self.give(services, guild, person)

    async def press(self, interaction: discord.Interaction) -> None:
        if interaction.guild is None:
            raise Refusal(_("This works in a server only."))
        given = await self.give(services_of(interaction), interaction.guild, interaction.user)
        await interaction.followup.send(**given, ephemeral=True)


async def give(ctx: commands.Context[commands.Bot], button: OwnButton) -> None:
    """Answer a command with the button's private reply. The reply to a typed command is public: it
    shows the button if the member's direct messages are closed.
    """
    assert ctx.guild is not None, "the command is guild_only"
    services = services_of(ctx)
    if ctx.interaction is not None:
        given = await button.give_privately(services, ctx.guild, ctx.author)
        await ctx.send(**given, ephemeral=True)
    elif await button.give_by_dm(services, ctx.guild, ctx.author):
        await answer(ctx, _sent())
    else:
        embed = card(
            "📪 " + _("Your direct messages are closed"),
            _("Press the button; only you will see the reply."),
            tone="warning",
        )
        await answer(ctx, embed, view_of(button))


def _sent() -> discord.Embed:
    return card("📬 " + _("Check your DMs"), tone="success")
