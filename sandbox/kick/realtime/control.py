"""/control/kick/feed...: sockets die, events are forged, hosts arrive; and what the feed said."""

from dataclasses import asdict

from aiohttp import web

from sandbox.control import ControlError
from sandbox.kick.bodies import Body
from sandbox.kick.fields import Naming, answering, number, number_or_none, text, text_or_none
from sandbox.kick.realtime.feeds import FeedEvent
from sandbox.kick.realtime.hub import Listener
from sandbox.kick.state import FakeKick

FORCE_RECONNECT = 3011
INSUFFICIENT_STATE = 2500


def routes(kick: FakeKick) -> list[web.RouteDef]:
    """POST feed/kill, feed/close, feed/unsubscribe, feed/publish, host; GET feed."""
    control = _FeedControl(kick)
    actions = {
        "feed/kill": control.kill,
        "feed/close": control.close,
        "feed/unsubscribe": control.unsubscribe,
        "feed/publish": control.publish,
        "host": control.host,
    }
    posts = [web.post(f"/control/kick/{name}", answering(do)) for name, do in actions.items()]
    return [*posts, web.get("/control/kick/feed", control.told)]


class _FeedControl(Naming):
    def _listeners(self, body: Body) -> list[Listener]:
        """Those of one transport, or all."""
        wanted = text_or_none(body, "transport")
        listeners = self.kick.feed.hub.listeners.values()
        return [each for each in listeners if wanted in (None, each.transport)]

    async def kill(self, body: Body) -> Body:
        """{transport?} -> {count}: drop the connections without a close frame."""
        listeners = self._listeners(body)
        for listener in listeners:
            listener.abort()
        return {"count": len(listeners)}

    async def close(self, body: Body) -> Body:
        """{code?, reason?, transport?} -> {count}: close them with a code.

        Without a code 3011, Centrifugo's "force reconnect".
        """
        code = number_or_none(body, "code") or FORCE_RECONNECT
        reason = text_or_none(body, "reason") or "force reconnect"
        if not 3000 <= code <= 4999:
            raise ControlError("a server's own codes are 3000 to 4999")
        listeners = self._listeners(body)
        for listener in listeners:
            listener.close(code, reason)
        return {"count": len(listeners)}

    async def unsubscribe(self, body: Body) -> Body:
        """{feed, code?}: Centrifugo takes a feed away; from code 2500 on the client comes back."""
        feed, code = text(body, "feed"), number_or_none(body, "code") or INSUFFICIENT_STATE
        for listener in self._listeners(body):
            listener.unsubscribe(feed, code)
        return {}

    async def publish(self, body: Body) -> Body:
        """{feed, event, data}: an event made by hand, ``data`` any JSON value."""
        event = FeedEvent(text(body, "feed"), text(body, "event"), body.get("data"))
        self.kick.feed.hub.publish([event])
        return {}

    async def host(self, body: Body) -> Body:
        """{person, viewers, message?, channel?}: a streamer sends the viewers over."""
        channel, host = self._channel(body), self._account(body)
        viewers, message = number(body, "viewers"), text_or_none(body, "message")
        self.kick.feed.hosted(channel, host, viewers, message)
        return {}

    async def told(self, request: web.Request) -> web.Response:
        """[{at, feed, name, data, fate: sent|dropped|silent, heard}], oldest first.

        ``?name=`` and ``?feed=`` choose among them.
        """
        wanted = {key: request.query[key] for key in ("name", "feed") if key in request.query}
        events = (asdict(each) for each in self.kick.feed.hub.told)
        found = [each for each in events if all(each[k] == v for k, v in wanted.items())]
        return web.json_response(found)
