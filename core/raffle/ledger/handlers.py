"""Events become tickets."""

from sqlalchemy import Connection

from core.events import AccountLinked, SubGifted, SupportRevoked
from core.raffle.ledger import gifting, voiding, welcome


def on_sub_gifted(tx: Connection, event: SubGifted) -> None:
    """One sub was given."""
    gifting.note_gift(tx, event)


def on_support_revoked(tx: Connection, event: SupportRevoked) -> None:
    """An admin found that a gift had not happened."""
    if event.event == SubGifted.__name__:
        voiding.revoke_gift(tx, event.guild_id, event.of, event.at)


def on_account_linked(tx: Connection, event: AccountLinked) -> None:
    """What was earned before the link counts from now on."""
    welcome.count_in(tx, event)
