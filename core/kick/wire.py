"""Requests to Kick."""

from functools import partial

from core.kit.runtime import wire


class KickRejected(wire.Rejected):
    """Kick understood the request and rejected it."""

    service = "Kick"


as_documented = partial(wire.as_documented, KickRejected.service)
