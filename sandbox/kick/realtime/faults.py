"""How the realtime feed misbehaves on request."""

from sandbox.faults import FaultKind, Faults, FaultValue

GUEST_TOKEN_SECONDS = 45 * 60

PROVIDERS: dict[str, tuple[str, ...]] = {
    "centrifugo": ("centrifugo",),
    "pusher": ("pusher",),
    "both": ("centrifugo", "pusher"),
    "none": (),
}
"""Value of ``kick.feed.provider`` -> the transports that Kick runs, the preferred one first."""

_FAULTS: tuple[tuple[str, FaultKind, FaultValue, str], ...] = (
    # which transport there is
    (
        "kick.feed.provider",
        str,
        "centrifugo",
        "The feed's transport: centrifugo (since October 2026), pusher (until then), both or none.",
    ),
    ("kick.feed.refuse", bool, False, "Negotiation answers Cloudflare's 403."),
    ("kick.feed.wrong_key", bool, False, "Pusher no longer knows its app key: error 4001."),
    # what goes over it
    ("kick.feed.drop", int, 0, "The next N feed events are lost for every listener."),
    (
        "kick.feed.drop_only",
        str,
        "",
        "kick.feed.drop hits only events whose name contains this text; empty means all.",
    ),
    ("kick.feed.delay_ms", int, 0, "Every feed event waits this long; the order is kept."),
    ("kick.feed.duplicate", int, 0, "The next N feed events are sent twice."),
    (
        "kick.feed.silent",
        bool,
        False,
        "Both servers freeze: sockets stay open, but nothing is sent and nothing is answered.",
    ),
    (
        "kick.feed.old_names",
        str,
        "",
        "Gifts under their older names (App\\Events\\...): both = beside the new, only = instead.",
    ),
    (
        "kick.feed.gift_bundle",
        bool,
        False,
        "A gift drop is also told as one SubscriptionGifted, a newer shape nobody recorded.",
    ),
    (
        "kick.feed.gift_chunk",
        int,
        10,
        "Gift events name at most N giftees; bigger drops are split.",
    ),
    (
        "kick.feed.data_object",
        bool,
        False,
        "Centrifugo carries an event's data as an object and not as a JSON text.",
    ),
    # clocks
    ("kick.feed.token_s", int, GUEST_TOKEN_SECONDS, "Lifetime of a guest token."),
    (
        "kick.feed.expired_close_s",
        float,
        25.0,
        "How long Centrifugo waits for a fresh token after the old one's end.",
    ),
    ("kick.feed.ping_s", float, 25.0, "Pause between two pings of Centrifugo."),
    ("kick.feed.pong_s", float, 8.0, "How long Centrifugo waits for the answer to a ping."),
    (
        "kick.feed.activity_timeout_s",
        int,
        120,
        "Pusher pings a client that was silent for so long.",
    ),
)


def declare_feed_faults(faults: Faults) -> None:
    """Declare all of them."""
    for name, kind, default, help_text in _FAULTS:
        faults.declare(name, kind=kind, default=default, help=help_text)


def providers(faults: Faults) -> tuple[str, ...]:
    """The transports that Kick runs at present, the preferred one first.

    A value nobody knows means none.
    """
    return PROVIDERS.get(str(faults.get("kick.feed.provider")), ())
