"""Bans and timeouts (facts, section 3.4)."""

from typing import Any

from aiohttp import web

from sandbox.kick.api.endpoints import ApiError, Endpoints, Routes, bad, field_of, json_of, ok
from sandbox.kick.models import Account, Channel

MAX_MINUTES = 7 * 24 * 60
MAX_REASON_CHARACTERS = 100


class Moderation(Endpoints):
    def routes(self) -> Routes:
        return (
            ("POST", "/v1/moderation/bans", self.ban),
            ("DELETE", "/v1/moderation/bans", self.unban),
        )

    async def ban(self, request: web.Request) -> web.Response:
        """``duration`` is in minutes; without it the ban is permanent."""
        moderator = self.user(request, "moderation:ban")
        body = await json_of(request)
        channel, account = self._target(body, moderator)
        minutes = field_of(body, "duration", int)
        reason = field_of(body, "reason", str) or ""
        if minutes is not None and not 1 <= minutes <= MAX_MINUTES:
            raise bad(f"duration must be between 1 and {MAX_MINUTES}")
        if len(reason) > MAX_REASON_CHARACTERS:
            raise bad(f"reason must be at most {MAX_REASON_CHARACTERS} characters")
        who = self.kick.accounts[moderator]
        self.kick.ban(channel, who, account, minutes=minutes, reason=reason)
        return ok({})

    async def unban(self, request: web.Request) -> web.Response:
        moderator = self.user(request, "moderation:ban")
        self.kick.unban(*self._target(await json_of(request), moderator))
        return ok({})

    def _target(self, body: dict[str, Any], moderator: int) -> tuple[Channel, Account]:
        """The token's user must be the broadcaster or a moderator there (guess: 403 otherwise)."""
        broadcaster = field_of(body, "broadcaster_user_id", int, required=True)
        user_id = field_of(body, "user_id", int, required=True)
        channel = self.kick.channels.get(broadcaster)
        account = self.kick.accounts.get(user_id)
        if channel is None or account is None:
            raise ApiError(404)
        if not channel.may_moderate(moderator):
            raise ApiError(403)
        if user_id == channel.user_id:
            raise bad("the broadcaster cannot be banned")
        return channel, account
