"""What changes for a server's members: linked accounts, exclusions and roles."""

from dataclasses import dataclass

from core.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLinked(Event):
    """A member of the Discord server proved that an account of a platform is theirs.

    Attributes:
        platform: "kick" (later "twitch").
        discord_id: the member's.
        viewer_id: our number of the account in this server.
        name: the account's name of today.
    """

    platform: str
    discord_id: int
    viewer_id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUnlinked(Event):
    """The two are separate again. What was earned stays with the account.

    Attributes:
        platform: "kick" (later "twitch").
        discord_id: the former owner's.
        viewer_id: our number of the account in this server.
    """

    platform: str
    discord_id: int
    viewer_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionChanged(Event):
    """A viewer was excluded from something, or included again.

    Attributes:
        viewer_id: our number of the account in this server.
        scope: from what: "everything", or the name of a feature.
        excluded: False where they were included again.
        changed_by: Discord id of the admin; 0 for a ban.
    """

    viewer_id: int
    scope: str
    excluded: bool
    changed_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesChanged(Event):
    """A role was edited or moved, the bot's own roles changed, or an admin asks to try again:
    what Discord refused before may work now."""
