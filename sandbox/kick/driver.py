"""A blocking client of `/control/kick/...`, with one method per route."""

from collections.abc import Callable, Sequence
from urllib.parse import urljoin

from sandbox.driver import TIMEOUT_SECONDS, Driver, DriverError, Json

Line = Json


class KickDriver(Driver):
    """People's actions on the fake Kick; people are given by handle."""

    service = "kick"

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
        """Write in chat; returns the message id."""
        answer = self._post(
            "chat", person=person, text=text, at=at, reply_to=reply_to, channel=channel
        )
        return str(answer["message_id"])

    def delete_message(self, message_id: str) -> None:
        self._post("delete_message", message_id=message_id)

    def live(
        self, *, title: str | None = None, started_at: str | None = None, channel: str | None = None
    ) -> str:
        """Go live; returns ``started_at``."""
        answer = self._post("live", title=title, started_at=started_at, channel=channel)
        return str(answer["started_at"])

    def offline(self, *, ended_at: str | None = None, channel: str | None = None) -> None:
        self._post("offline", ended_at=ended_at, channel=channel)

    def metadata(self, **changes: object) -> None:
        """title, category_id, tags, language, channel."""
        self._post("metadata", **changes)

    def viewers(self, count: int, *, channel: str | None = None) -> None:
        self._post("viewers", count=count, channel=channel)

    # followers and money

    def follow(self, person: str, *, channel: str | None = None) -> None:
        self._post("follow", person=person, channel=channel)

    def subscribe(self, person: str, *, at: str | None = None, channel: str | None = None) -> None:
        self._post("subscribe", person=person, at=at, channel=channel)

    def renew(
        self, person: str, months: int, *, at: str | None = None, channel: str | None = None
    ) -> None:
        self._post("renew", person=person, months=months, at=at, channel=channel)

    def gift(
        self,
        person: str | None,
        giftees: Sequence[str] = (),
        *,
        count: int = 0,
        at: str | None = None,
        channel: str | None = None,
    ) -> list[str]:
        """Gift subs to these and to ``count`` new viewers, anonymously without a person; their
        handles."""
        named = list(giftees)
        answer = self._post(
            "gift", person=person, giftees=named, count=count, at=at, channel=channel
        )
        return list(answer["giftees"])

    def kicks(self, person: str, amount: int, **details: object) -> None:
        """name, type, tier, message, pinned_time_seconds, at, channel."""
        self._post("kicks", person=person, amount=amount, **details)

    def redeem(self, person: str, reward: str, **details: object) -> str:
        """Redeem a reward by id or title (cost, input, at, channel); returns the redemption's
        id."""
        return str(self._post("redeem", person=person, reward=reward, **details)["redemption_id"])

    def decide(self, redemption_id: str, status: str, *, channel: str | None = None) -> None:
        self._post("decide", redemption_id=redemption_id, status=status, channel=channel)

    # people

    def ban(self, person: str, **details: object) -> None:
        """moderator, minutes, reason, channel."""
        self._post("ban", person=person, **details)

    def unban(self, person: str, *, channel: str | None = None) -> None:
        self._post("unban", person=person, channel=channel)

    def badges(self, person: str, badges: list[Json], *, channel: str | None = None) -> None:
        self._post("badges", person=person, badges=badges, channel=channel)

    def rename(self, person: str, name: str) -> str:
        """Returns the new slug."""
        return str(self._post("rename", person=person, name=name)["slug"])

    def account(self, handle: str, name: str) -> int:
        """Create a viewer; returns the user id."""
        return int(self._post("account", handle=handle, name=name)["user_id"])

    def consent(self, authorize_url: str, person: str | None) -> str:
        """Accept as ``person`` (None: deny) on a consent page; returns the redirect address."""
        form = {"decision": "deny"} if person is None else {"person": person}
        answer = self._http.post(
            authorize_url, data=form, allow_redirects=False, timeout=self._timeout
        )
        if answer.status_code != 302:
            raise DriverError(answer.status_code, "the authorize request is not good")
        return urljoin(authorize_url, answer.headers["Location"])

    # webhooks, keys, tokens, faults

    def deliver(self, **delivery: object) -> Json:
        """A hand-made delivery (type, body, message_id, timestamp, signature, headers, raw);
        returns {status, body, ms, error, message_id}."""
        return dict(self._request("POST", "kick/deliver", json=delivery))

    def lose_subscription(self, event: str, *, channel: str | None = None) -> int:
        """Kick silently drops an event's subscriptions; returns how many."""
        return int(self._post("lose_subscription", event=event, channel=channel)["count"])

    def app(self, **changes: object) -> Json:
        """Change webhook_url, webhooks_enabled, redirect_uris; returns the app's settings."""
        return dict(self._request("POST", "kick/app", json=changes))

    def tokens(self, action: str) -> None:
        """``expire_access`` or ``end_all``."""
        self._post("tokens", action=action)

    def rotate_key(self) -> str:
        """Returns the new public key as PEM."""
        return str(self._post("rotate_key")["public_key"])

    def fault(self, **values: object) -> None:
        """Set Kick's faults: ``fault(webhook__drop=2)`` sets ``kick.webhook.drop``."""
        named = {f"kick.{name.replace('__', '.')}": value for name, value in values.items()}
        self.faults(named)

    # the realtime feed

    def host(
        self, person: str, viewers: int, *, message: str | None = None, channel: str | None = None
    ) -> None:
        """A streamer hosts the channel."""
        self._post("host", person=person, viewers=viewers, message=message, channel=channel)

    def feed_kill(self, transport: str | None = None) -> int:
        """Drop the feed's connections without a close frame; returns how many."""
        return int(self._post("feed/kill", transport=transport)["count"])

    def feed_close(
        self, code: int | None = None, reason: str | None = None, *, transport: str | None = None
    ) -> int:
        """Close the feed's connections with a code (default 3011); returns how many."""
        answer = self._post("feed/close", code=code, reason=reason, transport=transport)
        return int(answer["count"])

    def feed_unsubscribe(self, feed: str, code: int | None = None) -> None:
        """Centrifugo ends the subscriptions of a feed (default code 2500)."""
        self._post("feed/unsubscribe", feed=feed, code=code)

    def feed_publish(self, feed: str, event: str, data: object) -> None:
        """A hand-made event."""
        self._post("feed/publish", feed=feed, event=event, data=data)

    def feed_events(self, **filters: str) -> list[Json]:
        """The feed's event log: {at, feed, name, data, fate, heard}; filters ``name``, ``feed``."""
        return list(self._get("feed", **filters))

    def feed_listeners(self) -> list[Json]:
        """{id, transport, since, feeds} of each."""
        return list(self.state()["feed"]["listeners"])

    def wait_for_listener(self, *feeds: str, timeout: float = TIMEOUT_SECONDS) -> Json:
        """The first listener subscribed to all these feeds."""
        return self.wait_until(
            lambda: next((x for x in self.feed_listeners() if set(feeds) <= set(x["feeds"])), None),
            timeout,
            lambda: f"nobody listens to {feeds}; there are {self.feed_listeners()}",
        )

    # what happened

    def transcript(self) -> list[Line]:
        """The chat, oldest first."""
        return list(self._get("transcript"))

    def deliveries(self, **filters: str) -> list[Json]:
        """Deliveries so far; filters are ``type`` and ``message_id``."""
        return list(self._get("deliveries", **filters))

    def settle(self, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until no delivery is pending; else TimeoutError."""
        if not self._post("idle", timeout=timeout)["idle"]:
            raise TimeoutError(f"deliveries are still under way after {timeout} s")

    def wait_for(
        self, predicate: Callable[[list[Line]], bool], timeout: float = TIMEOUT_SECONDS
    ) -> list[Line]:
        """The transcript as soon as it satisfies the predicate; else TimeoutError with its last
        lines."""

        def last_lines() -> list[str]:
            return [f"{line['sender']}: {line['text']}" for line in self.transcript()[-5:]]

        (lines,) = self.wait_until(
            lambda: (found,) if predicate(found := self.transcript()) else None,
            timeout,
            lambda: f"not seen within {timeout} s; the chat ends with {last_lines()}",
        )
        return lines

    def wait_for_line(self, text: str, timeout: float = TIMEOUT_SECONDS) -> Line:
        """The first chat line that contains the text."""
        lines = self.wait_for(lambda all_: any(text in each["text"] for each in all_), timeout)
        return next(line for line in lines if text in line["text"])
