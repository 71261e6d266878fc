"""Calls to Twitch for one server; one that fails does not affect the others."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import structlog

from core.guilds import store as guilds
from core.kit.database.connection import DatabaseOutage
from core.kit.errors import Outage, Refusal, trouble_code
from core.kit.oauth.tokens import ReconnectNeeded
from core.kit.services import Services
from core.twitch.accounts.tokens import refresh_after_401, user_token
from core.twitch.bodies import PLATFORM
from core.twitch.client import TwitchClient, client_of
from core.twitch.wire import TwitchRejected
from core.vips import outcomes, troubles
from core.vips.records import Redemption, Reward, Session

GIVE_UP_AFTER = 3
"""After this many calls of one kind in a row without an answer, the others of this kind wait."""

T = TypeVar("T")
Item = TypeVar("Item", Session, Redemption, Reward)

_log = structlog.get_logger(__name__)


class TwitchCalls:
    """Makes a server's calls, and handles those that fail."""

    def __init__(self, services: Services, guild_id: int) -> None:
        self._services = services
        self._guild_id = guild_id
        self._client: TwitchClient = client_of(services.settings)
        with services.database.begin() as tx:
            channel = guilds.find_channel(tx, guild_id, PLATFORM)
        self._channel_id = channel.channel_id if channel else 0

    def _now(self) -> datetime:
        return self._services.clock()

    def _in_work(self, action: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with self._services.work_in(self._guild_id) as work:
            return action(work, *args, **kwargs)

    def _ask(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call Twitch with the streamer's token, renewed once if Twitch rejects it.

        Raises:
            TwitchRejected: it rejects the call, or the renewed token as well.
            Outage: it does not answer.
            ReconnectNeeded: there is no token.
        """
        key = (self._guild_id, "streamer")
        token = user_token(self._services, *key)
        try:
            return call(token, self._channel_id, *args, **kwargs)
        except TwitchRejected as rejected:
            if rejected.status != 401:
                raise
        token = refresh_after_401(self._services, *key, token)
        return call(token, self._channel_id, *args, **kwargs)

    def _failure_of(self, step: Callable[..., object], *args: Any) -> Exception | None:
        """Run a step; returns its error, so that the others can still run.

        Raises:
            DatabaseOutage, ReconnectNeeded: no other step can work either.
        """
        try:
            step(*args)
        except (DatabaseOutage, ReconnectNeeded):
            raise
        except (TwitchRejected, Outage, Refusal) as error:
            _log.warning("VIP call to Twitch failed", reason=str(error), guild_id=self._guild_id)
            return error
        except Exception:
            code = trouble_code()
            _log.exception("VIP call to Twitch failed", code=code, guild_id=self._guild_id)
            return Refusal(f"Something went wrong; search the log for {code}.")
        return None

    def _each(
        self, step: Callable[[Item], object], items: Iterable[Item], key_of: Callable[[Item], Any]
    ) -> None:
        """Run a step for each item; those that fail are postponed."""
        unanswered = 0
        for item in items:
            failure = self._failure_of(step, item)
            if failure is None:
                unanswered = 0
                continue
            self._in_work(troubles.postpone, type(item), key_of(item), failure)
            unanswered += isinstance(failure, Outage)
            if unanswered >= GIVE_UP_AFTER:
                return

    def _list(self, name: str, step: Callable[[], object]) -> None:
        failure = self._failure_of(step)
        self._in_work(troubles.record_list, name, failure)
        if failure is not None:
            self._in_work(outcomes.list_again, name)


@contextmanager
def accepting(*statuses: int) -> Iterator[None]:
    """Treat Twitch's rejections with these statuses as success."""
    try:
        yield
    except TwitchRejected as rejected:
        if rejected.status not in statuses:
            raise
