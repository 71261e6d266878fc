"""Links and unlinks accounts directly. The pages for it have their own stories."""

from datetime import UTC, datetime

from core.events import AccountLinked, AccountUnlinked
from core.inbox import actions as inbox
from core.people import store as people
from sandbox.people import BY_HANDLE
from tests.acting import act
from tests.stories.stage import GUILD, Stage


def link(stage: Stage, person: str, guild_id: int = GUILD, platform: str = "kick") -> int:
    """Link the person's account there; its viewer id."""
    who, now = BY_HANDLE[person], datetime.now(UTC)
    with stage.database.begin() as tx:
        user_id = who.user_id_on(platform)
        viewer_id = people.set_viewer(tx, guild_id, platform, user_id, who.kick_name, now)
        people.add_link(tx, guild_id, who.discord_id, platform, viewer_id, now)
        event = AccountLinked(
            key=f"{platform}:{viewer_id}:{who.discord_id}:{now.isoformat()}",
            guild_id=guild_id,
            at=now,
            platform=platform,
            discord_id=who.discord_id,
            viewer_id=viewer_id,
            name=who.kick_name,
        )
        inbox.publish(tx, event)
    return viewer_id


def unlink(stage: Stage, person: str, platform: str = "kick") -> None:
    """End that link."""
    who, now = BY_HANDLE[person], datetime.now(UTC)
    with stage.database.begin() as tx:
        found = act(tx, GUILD, people.find_link, who.discord_id, platform)
        assert found is not None
        people.end_link(tx, found)
        event = AccountUnlinked(
            key=f"{platform}:{found.viewer_id}:{who.discord_id}:{now.isoformat()}",
            guild_id=GUILD,
            at=now,
            platform=platform,
            discord_id=who.discord_id,
            viewer_id=found.viewer_id,
        )
        inbox.publish(tx, event)
