"""The fake Twitch's faults."""

from sandbox.faults import FaultTable

FAULTS: FaultTable = {
    "twitch.api.only": ("", "API faults only affect addresses with this text (empty: all)."),
    "twitch.api.400": (0, "The next N API requests answer 400."),
    "twitch.api.401": (0, "The next N API requests answer 401 for a valid token."),
    "twitch.api.403": (0, "The next N API requests answer 403."),
    "twitch.api.404": (0, "The next N API requests answer 404."),
    "twitch.api.409": (0, "The next N API requests answer 409."),
    "twitch.api.422": (0, "The next N API requests answer 422."),
    "twitch.api.425": (0, "The next N API requests answer 425."),
    "twitch.api.429": (0, "The next N API requests answer 429."),
    "twitch.api.500": (0, "The next N API requests answer 500."),
    "twitch.api.slow_ms": (0, "Every API request waits this many milliseconds."),
    "twitch.api.points": (800, "API requests that are answered in a minute."),
    "twitch.api.lost_answer": (0, "The next N API requests work, but the connection breaks."),
    "twitch.api.malformed": (0, "The next N API requests answer a list that is none."),
    "twitch.vip.limit": (10, "VIPs that may be added, or removed, in ten seconds."),
    "twitch.vip.seconds": (0.0, "Seconds that have passed for this limit alone."),
    "twitch.chat.is_sent_false": (0, "The next N lines are not shown: is_sent is false."),
    "twitch.token.500": (0, "The next N token requests answer 500."),
    "twitch.token.lifetime_s": (14_400, "Lifetime of a user access token."),
    "twitch.event.duplicate": (0, "The next N events are sent twice with the same message id."),
    "twitch.event.duplicate_new_id": (0, "The next N events are sent again with a new id."),
    "twitch.event.drop": (0, "The next N events are lost."),
    "twitch.webhook.bad_signature": (0, "The next N webhooks have an invalid signature."),
    "twitch.webhook.clock_skew_s": (0, "Seconds added to signed timestamps."),
    "twitch.webhook.retries": (2, "Retries of a failed webhook, with the same message id."),
    "twitch.webhook.retry_delay_ms": (500, "Pause before each retry."),
    "twitch.webhook.give_up_after": (20, "Failures in a row that end a subscription."),
    "twitch.socket.silent": (False, "Sockets stay open, but nothing is sent."),
    "twitch.socket.refuse": (0, "The next N sockets are closed at once."),
    "twitch.socket.unused_s": (10.0, "Until a socket without subscriptions is closed (4003)."),
}
"""Name -> default and help."""
