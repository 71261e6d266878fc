"""Who links or unlinks gains or loses roles at once."""

from sqlalchemy import Connection

from core.events import AccountLinked, AccountUnlinked
from core.roles import actions


def on_account_linked(tx: Connection, event: AccountLinked) -> None:
    """The minutes of the account are the member's from now on."""
    actions.look_again(tx, event.guild_id, event.discord_id)


def on_account_unlinked(tx: Connection, event: AccountUnlinked) -> None:
    """The minutes stay with the account, and what they brought goes."""
    actions.look_again(tx, event.guild_id, event.discord_id)
