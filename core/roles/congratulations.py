"""The word to somebody who has reached a role, once Discord has given it."""

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.actions import setting
from core.outbox import actions as outbox
from core.roles import store
from core.roles.settings import CHANNEL, CONGRATULATE


def post(tx: Connection, guild_id: int, discord_id: int, role_id: int, number: int) -> None:
    """Congratulate where the server wants it. Who takes no direct messages does without."""
    reward, way = store.find_reward(tx, guild_id, role_id), setting(tx, guild_id, CONGRATULATE)
    if reward is None or reward.minutes is None:
        return  # the role stands for something else by now
    key = f"roles.reached:{number}"
    payload = {
        "discord_id": discord_id,
        "role_id": role_id,
        "role": reward.name,
        "minutes": reward.minutes,
        "server": guilds.list_names(tx).get(guild_id, ""),
        "way": way,
    }
    channel_id = setting(tx, guild_id, CHANNEL)
    if way == "dm":
        outbox.post_to_user(
            tx, guild_id, discord_id, "roles.reached", key, payload, if_possible=True
        )
    elif way == "channel" and channel_id:
        outbox.post_to_channel(tx, guild_id, channel_id, "roles.reached", key, payload)
