"""Which account the app's own bot is. Kick does not say so, but what the bot sent comes back as
chat under the message id that we were given."""

from datetime import datetime

import structlog

from core.kick import store as kick
from core.kick.chat import store
from core.kit.clock import Clock
from core.kit.database import Database

_log = structlog.get_logger(__name__)


class AppBot:
    """Learns it, so that our own lines earn nothing and command nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._before: dict[int, tuple[str, datetime]] = {}
        self._is_known = False

    def said(self, channel_id: int, message_id: str) -> None:
        """It said this just now; what it said before that may have come back meanwhile.

        Raises:
            Outage: the database is away.
        """
        if self._is_known or not message_id:
            return
        before = self._before.get(channel_id)
        self._before[channel_id] = (message_id, self._clock())
        if before is None:
            return
        with self._database.begin() as tx:
            sender = store.find_sender(tx, channel_id, *before)
            if sender is not None:
                kick.set_bot(tx, *sender)
                self._is_known = True
                _log.info("The app's bot is known now", name=sender[1])
