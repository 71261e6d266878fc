"""The realtime feed's faults."""

from sandbox.faults import Faults, FaultTable

GUEST_TOKEN_SECONDS = 45 * 60

PROVIDERS: dict[str, tuple[str, ...]] = {
    "centrifugo": ("centrifugo",),
    "pusher": ("pusher",),
    "both": ("centrifugo", "pusher"),
    "none": (),
}
"""Value of ``kick.feed.provider`` -> the transports that Kick runs, the preferred one first."""

FAULTS: FaultTable = {
    # which transport there is
    "kick.feed.provider": ("centrifugo", "centrifugo (since October 2026), pusher, both or none."),
    "kick.feed.refuse": (False, "Negotiation answers Cloudflare's 403."),
    "kick.feed.wrong_key": (False, "Pusher no longer accepts its app key: error 4001."),
    # what goes over it
    "kick.feed.drop": (0, "The next N feed events are lost for all listeners."),
    "kick.feed.drop_only": ("", "Only drop events whose name contains this text (empty: all)."),
    "kick.feed.delay_ms": (0, "Every feed event waits this long; the order is kept."),
    "kick.feed.duplicate": (0, "The next N feed events are sent twice."),
    "kick.feed.silent": (False, "Both servers freeze: sockets stay open, but nothing is sent."),
    "kick.feed.old_names": ("", "Gifts under their old names: both = too, only = instead."),
    "kick.feed.gift_bundle": (False, "Gift drops also send SubscriptionGifted (a guess)."),
    "kick.feed.gift_chunk": (10, "Gift events name at most N viewers; larger drops are split."),
    "kick.feed.data_object": (False, "Centrifugo sends data as an object, not as JSON text."),
    # clocks
    "kick.feed.token_s": (GUEST_TOKEN_SECONDS, "Lifetime of a guest token."),
    "kick.feed.expired_close_s": (25.0, "How long Centrifugo waits for a new token after expiry."),
    "kick.feed.ping_s": (25.0, "Pause between two pings of Centrifugo."),
    "kick.feed.pong_s": (8.0, "How long Centrifugo waits for the answer to a ping."),
    "kick.feed.activity_timeout_s": (120, "Pusher pings a client after this many silent seconds."),
}


def providers(faults: Faults) -> tuple[str, ...]:
    """The enabled transports, the preferred one first; none for an unknown value."""
    return PROVIDERS.get(str(faults.get("kick.feed.provider")), ())
