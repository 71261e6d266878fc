"""Requests to Twitch."""

from functools import partial

from core.kit.runtime import wire


class TwitchRejected(wire.Rejected):
    """Twitch understood the request and rejected it."""

    service = "Twitch"


as_documented = partial(wire.as_documented, TwitchRejected.service)
