"""The KICKs leaderboard of the token's own channel (facts, section 3.4)."""

from collections import Counter
from datetime import timedelta

from aiohttp import web

from sandbox.kick.api.endpoints import Endpoints, Routes, limit_of, ok
from sandbox.kick.bodies import Body
from sandbox.kick.ids import now
from sandbox.kick.models import Channel

WEEK, MONTH = timedelta(days=7), timedelta(days=30)


class Kicks(Endpoints):
    def routes(self) -> Routes:
        return (("GET", "/v1/kicks/leaderboard", self.leaderboard),)

    async def leaderboard(self, request: web.Request) -> web.Response:
        """The top gifters of all time, 30 days and 7 days (a guess at Kick's months and weeks)."""
        channel = self.kick.channels[self.user(request, "kicks:read")]
        top = limit_of(request, default=10, maximum=100, name="top")
        spans = {"lifetime": None, "month": MONTH, "week": WEEK}
        return ok({name: self._ranks(channel, span, top) for name, span in spans.items()})

    def _ranks(self, channel: Channel, span: timedelta | None, top: int) -> list[Body]:
        given: Counter[int] = Counter()
        for gift in channel.kicks:
            if span is None or gift.at >= now() - span:
                given[gift.user_id] += gift.amount
        return [
            {
                "rank": rank,
                "user_id": user_id,
                "username": self.kick.accounts[user_id].username,
                "gifted_amount": amount,
            }
            for rank, (user_id, amount) in enumerate(given.most_common(top), start=1)
        ]
