"""Ask Discord whether the next winners are banned: ban events can be missed, and bots without the
audit log permission get none."""

from core.kit.discord.rest import is_banned
from core.kit.services import Services
from core.raffle.actions import config_of
from core.raffle.draw import actions


def exclude_banned(services: Services, guild_id: int, number: int) -> None:
    """Exclude next winners who are banned on Discord. Call it before a transaction that draws.
    Raises Outage."""
    if services.settings.discord_token is None:
        return
    config, asked = config_of(services.settings), set[int]()
    while True:
        with services.work_in(guild_id) as work:
            following = actions.list_next(work, config, number)
        unknown = [member for member in following if member not in asked]
        if not unknown:
            return
        asked.update(unknown)
        for member in unknown:
            exclude_if_banned(services, guild_id, member)


def exclude_if_banned(services: Services, guild_id: int, discord_id: int) -> None:
    """Exclude one member if they are banned."""
    if is_banned(services.settings, guild_id, discord_id):
        with services.work_in(guild_id) as work:
            actions.set_discord_ban(work, discord_id, True)
