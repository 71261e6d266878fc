"""The switches of the fake StreamElements."""

from sandbox.faults import FaultTable

FAULTS: FaultTable = {
    "streamelements.401": (False, "Every token is refused."),
    "streamelements.429": (0, "The next N requests answer 429 with Retry-After."),
    "streamelements.retry_after_s": (1, "Seconds in that header."),
    "streamelements.500": (0, "The next N requests answer 500, without an effect."),
    "streamelements.lost": (0, "The next N changes are made, but the connection is dropped."),
    "streamelements.500_applied": (0, "The next N changes are made, but answer 500."),
    "streamelements.lost_before": (0, "The next N connections drop before a change is made."),
    "streamelements.partly": (0, "The next change is made for that many viewers, but answers 500."),
    "streamelements.tick": (0, "Everybody earns this many points whenever an answer is lost."),
    "streamelements.slow_s": (0.0, "Seconds until a request is answered."),
    "streamelements.below_zero": (False, "Balances may go below zero instead of stopping at it."),
    "streamelements.socket_429": (0, "The next N connections to the socket answer 429."),
    "streamelements.socket_unauthorized": (False, "The socket refuses every subscription."),
}
