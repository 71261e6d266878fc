"""What happens to a Discord server itself."""

from dataclasses import dataclass

from core.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesChanged(Event):
    """A role was edited or moved, the bot's own roles changed, or an admin asks to try again:
    what Discord refused before may work now."""
