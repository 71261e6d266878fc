"""A small blocking client of /control/kick: one method per route."""

import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urljoin

import requests

Json = dict[str, Any]
Line = dict[str, Any]

PATIENCE_SECONDS = 30.0
"""For what somebody waits for: it ends when it is there, and a busy machine may take long."""

TIMEOUT_SECONDS = PATIENCE_SECONDS + 5


class ControlRefused(Exception):
    """The sandbox refused a control request; the message is its reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status


class KickDriver:
    """Plays the pretend Kick at ``base_url`` (the sandbox's address).

    People are named by handle.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = requests.Session()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # chat and stream

    def chat(
        self,
        person: str,
        text: str,
        *,
        at: str | None = None,
        reply_to: str | None = None,
        channel: str | None = None,
    ) -> str:
        """A line of chat; its message id."""
        answer = self._act(
            "chat", person=person, text=text, at=at, reply_to=reply_to, channel=channel
        )
        return str(answer["message_id"])

    def delete_message(self, message_id: str) -> None:
        self._act("delete_message", message_id=message_id)

    def live(
        self, *, title: str | None = None, started_at: str | None = None, channel: str | None = None
    ) -> str:
        """Go live; the stream's ``started_at``."""
        answer = self._act("live", title=title, started_at=started_at, channel=channel)
        return str(answer["started_at"])

    def offline(self, *, ended_at: str | None = None, channel: str | None = None) -> None:
        self._act("offline", ended_at=ended_at, channel=channel)

    def metadata(self, **changes: object) -> None:
        """title, category_id, tags, language, channel."""
        self._act("metadata", **changes)

    def viewers(self, count: int, *, channel: str | None = None) -> None:
        self._act("viewers", count=count, channel=channel)

    # followers and money

    def follow(self, person: str, *, channel: str | None = None) -> None:
        self._act("follow", person=person, channel=channel)

    def subscribe(self, person: str, *, at: str | None = None, channel: str | None = None) -> None:
        self._act("subscribe", person=person, at=at, channel=channel)

    def renew(
        self, person: str, months: int, *, at: str | None = None, channel: str | None = None
    ) -> None:
        self._act("renew", person=person, months=months, at=at, channel=channel)

    def gift(
        self,
        person: str | None,
        giftees: Sequence[str] = (),
        *,
        count: int = 0,
        at: str | None = None,
        channel: str | None = None,
    ) -> list[str]:
        """Gift subs to these and to ``count`` strangers; without a person anonymously.

        The giftees' handles.
        """
        named = list(giftees)
        answer = self._act(
            "gift", person=person, giftees=named, count=count, at=at, channel=channel
        )
        return list(answer["giftees"])

    def kicks(self, person: str, amount: int, **details: object) -> None:
        """name, type, tier, message, pinned_time_seconds, at, channel."""
        self._act("kicks", person=person, amount=amount, **details)

    def redeem(self, person: str, reward: str, **details: object) -> str:
        """Redeem a reward by id or title (cost, input, at, channel); the redemption's id."""
        return str(self._act("redeem", person=person, reward=reward, **details)["redemption_id"])

    def decide(self, redemption_id: str, status: str, *, channel: str | None = None) -> None:
        self._act("decide", redemption_id=redemption_id, status=status, channel=channel)

    # people

    def ban(self, person: str, **details: object) -> None:
        """moderator, minutes, reason, channel."""
        self._act("ban", person=person, **details)

    def unban(self, person: str, *, channel: str | None = None) -> None:
        self._act("unban", person=person, channel=channel)

    def badges(self, person: str, badges: list[Json], *, channel: str | None = None) -> None:
        self._act("badges", person=person, badges=badges, channel=channel)

    def rename(self, person: str, name: str) -> str:
        """A new name; the new slug."""
        return str(self._act("rename", person=person, name=name)["slug"])

    def account(self, handle: str, name: str) -> int:
        """A further viewer; the user id."""
        return int(self._act("account", handle=handle, name=name)["user_id"])

    def consent(self, authorize_url: str, person: str | None) -> str:
        """Say yes as ``person`` (None: deny) on a consent page; the address Kick redirects to."""
        form = {"decision": "deny"} if person is None else {"person": person}
        answer = self._http.post(
            authorize_url, data=form, allow_redirects=False, timeout=TIMEOUT_SECONDS
        )
        if answer.status_code != 302:
            raise ControlRefused(answer.status_code, "the authorize request is not good")
        return urljoin(authorize_url, answer.headers["Location"])

    # webhooks, keys, tokens, faults

    def deliver(self, **delivery: object) -> Json:
        """A delivery made by hand: type, body, message_id, timestamp, signature, headers, raw.

        The answer: {status, body, ms, error, message_id}.
        """
        return self._post("/control/kick/deliver", delivery)

    def lose_subscription(self, event: str, *, channel: str | None = None) -> int:
        """Kick drops an event's subscriptions without a word; how many there were."""
        return int(self._act("lose_subscription", event=event, channel=channel)["count"])

    def app(self, **changes: object) -> Json:
        """webhook_url, webhooks_enabled, redirect_uris; the app's state."""
        return self._post("/control/kick/app", changes)

    def tokens(self, action: str) -> None:
        """``expire_access`` or ``end_all``."""
        self._act("tokens", action=action)

    def rotate_key(self) -> str:
        """A new signing key; its public half as PEM."""
        return str(self._act("rotate_key")["public_key"])

    def fault(self, **values: object) -> None:
        """Set Kick's faults: ``fault(webhook__drop=2)`` sets ``kick.webhook.drop``."""
        named = {f"kick.{name.replace('__', '.')}": value for name, value in values.items()}
        self.faults(named)

    def faults(self, values: Json) -> None:
        """Set faults by their full names."""
        self._post("/control/faults", values)

    def reset_faults(self) -> None:
        self._post("/control/faults/reset", {})

    # the realtime feed

    def host(
        self, person: str, viewers: int, *, message: str | None = None, channel: str | None = None
    ) -> None:
        """A streamer sends the viewers over."""
        self._act("host", person=person, viewers=viewers, message=message, channel=channel)

    def feed_kill(self, transport: str | None = None) -> int:
        """Drop the feed's connections without a close frame; how many there were."""
        return int(self._act("feed/kill", transport=transport)["count"])

    def feed_close(
        self, code: int | None = None, reason: str | None = None, *, transport: str | None = None
    ) -> int:
        """Close the feed's connections with a code (default 3011); how many there were."""
        answer = self._act("feed/close", code=code, reason=reason, transport=transport)
        return int(answer["count"])

    def feed_unsubscribe(self, feed: str, code: int | None = None) -> None:
        """Centrifugo takes a feed away from its listeners (default code 2500)."""
        self._act("feed/unsubscribe", feed=feed, code=code)

    def feed_publish(self, feed: str, event: str, data: object) -> None:
        """An event made by hand."""
        self._act("feed/publish", feed=feed, event=event, data=data)

    def feed_events(self, **filters: str) -> list[Json]:
        """What the feed said: {at, feed, name, data, fate, heard}; filters ``name``, ``feed``."""
        return list(self._get("/control/kick/feed", **filters))

    def feed_listeners(self) -> list[Json]:
        """Who listens: {id, transport, since, feeds}."""
        return list(self.state()["feed"]["listeners"])

    def wait_for_listener(self, *feeds: str, timeout: float = PATIENCE_SECONDS) -> Json:
        """The first listener that hears all these feeds; TimeoutError if there is none."""
        until = time.monotonic() + timeout
        while True:
            listeners = self.feed_listeners()
            for listener in listeners:
                if set(feeds) <= set(listener["feeds"]):
                    return listener
            if time.monotonic() > until:
                raise TimeoutError(
                    f"nobody hears {feeds} within {timeout} s; there are {listeners}"
                )
            time.sleep(0.02)

    # what happened

    def transcript(self) -> list[Line]:
        """Kick chat as people saw it, oldest first."""
        return list(self._get("/control/kick/transcript"))

    def deliveries(self, **filters: str) -> list[Json]:
        """Deliveries tried so far; filters are ``type`` and ``message_id``."""
        return list(self._get("/control/kick/deliveries", **filters))

    def state(self) -> Json:
        """The pretend Kick's whole state."""
        return dict(self._get("/control/state")["kick"])

    def settle(self, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until no delivery is under way; TimeoutError otherwise."""
        if not self._act("idle", timeout=timeout)["idle"]:
            raise TimeoutError(f"deliveries are still under way after {timeout} s")

    def wait_for(
        self, predicate: Callable[[list[Line]], bool], timeout: float = PATIENCE_SECONDS
    ) -> list[Line]:
        """The transcript as soon as it satisfies the predicate.

        TimeoutError shows its last lines.
        """
        until = time.monotonic() + timeout
        while True:
            lines = self.transcript()
            if predicate(lines):
                return lines
            if time.monotonic() > until:
                last = [f"{line['sender']}: {line['text']}" for line in lines[-5:]]
                raise TimeoutError(f"not seen within {timeout} s; the chat ends with {last}")
            time.sleep(0.02)

    def wait_for_line(self, text: str, timeout: float = PATIENCE_SECONDS) -> Line:
        """The first line of chat that contains the text."""
        lines = self.wait_for(lambda all_: any(text in each["text"] for each in all_), timeout)
        return next(line for line in lines if text in line["text"])

    def _act(self, route: str, /, **body: object) -> Json:
        given = {key: value for key, value in body.items() if value is not None}
        return self._post(f"/control/kick/{route}", given)

    def _post(self, path: str, body: Json) -> Json:
        return dict(
            self._json(self._http.post(self.base_url + path, json=body, timeout=TIMEOUT_SECONDS))
        )

    def _get(self, path: str, **query: str) -> Any:
        return self._json(
            self._http.get(self.base_url + path, params=query, timeout=TIMEOUT_SECONDS)
        )

    def _json(self, answer: requests.Response) -> Any:
        body = answer.json()
        if not answer.ok:
            raise ControlRefused(answer.status_code, str(body.get("error", body)))
        return body
