"""The KICKs leaderboard of the token's own channel (facts, section 3.4)."""

from collections import Counter
from datetime import timedelta

from aiohttp import web

from sandbox.kick.api.endpoints import Frame, limit_of, ok
from sandbox.kick.bodies import Body
from sandbox.kick.ids import now
from sandbox.kick.models import Channel
from sandbox.kick.state import FakeKick

WEEK, MONTH = timedelta(days=7), timedelta(days=30)


def routes(kick: FakeKick, frame: Frame, base: str) -> list[web.RouteDef]:
    """GET kicks/leaderboard."""
    api = _Kicks(kick, frame)
    return [web.get(f"{base}/v1/kicks/leaderboard", frame.endpoint(api.leaderboard))]


class _Kicks:
    def __init__(self, kick: FakeKick, frame: Frame) -> None:
        self.kick = kick
        self.frame = frame

    async def leaderboard(self, request: web.Request) -> web.Response:
        """The best givers ever, in 30 days and in 7; how Kick cuts months and weeks is a guess."""
        channel = self.kick.channels[self.frame.user(request, "kicks:read")]
        top = limit_of(request, default=10, most=100, name="top")
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
