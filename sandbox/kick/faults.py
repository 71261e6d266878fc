"""Every way in which the pretend Kick misbehaves on request, with the report it imitates."""

from sandbox.faults import FaultKind, Faults, FaultValue

DAY_SECONDS = 86_400
USER_TOKEN_SECONDS = 7_200
APP_TOKEN_SECONDS = 60 * DAY_SECONDS

_FAULTS: tuple[tuple[str, FaultKind, FaultValue, str], ...] = (
    # webhooks
    (
        "kick.webhook.duplicate",
        int,
        0,
        "The next N deliveries are sent twice with the same message id.",
    ),
    (
        "kick.webhook.duplicate_new_id",
        int,
        0,
        "The next N deliveries are sent twice, the second time with a new message id.",
    ),
    (
        "kick.webhook.delay_ms",
        int,
        0,
        "Every delivery waits this many milliseconds; the order is kept.",
    ),
    ("kick.webhook.drop", int, 0, "The next N deliveries are lost without a trace."),
    (
        "kick.webhook.drop_only",
        str,
        "",
        "kick.webhook.drop hits only types that contain this text; empty means all.",
    ),
    (
        "kick.webhook.bad_signature",
        int,
        0,
        "The next N deliveries carry a signature that does not fit.",
    ),
    (
        "kick.webhook.wrong_type",
        int,
        0,
        "The next N deliveries name another event type in the (unsigned) type header.",
    ),
    (
        "kick.webhook.reorder",
        int,
        0,
        "The next N deliveries are held back and follow the one after them.",
    ),
    (
        "kick.webhook.clock_skew_s",
        int,
        0,
        "Signed timestamps are this many seconds off (negative: in the past).",
    ),
    (
        "kick.webhook.retries",
        int,
        0,
        "A failed delivery is sent again up to N times. Real Kick was never seen to retry.",
    ),
    ("kick.webhook.retry_delay_ms", int, 1_000, "Pause before each such retry."),
    ("kick.webhook.timeout_ms", int, 5_000, "How long a delivery waits for the receiver's answer."),
    (
        "kick.webhook.unsubscribe_after_s",
        float,
        float(DAY_SECONDS),
        "An event type that has failed this long without a success is unsubscribed.",
    ),
    # webhook bodies
    ("kick.body.is_verified_null", bool, False, "is_verified is null, as seen in the wild."),
    (
        "kick.body.profile_picture_empty",
        bool,
        False,
        "profile_picture is an empty text, as seen in the wild.",
    ),
    (
        "kick.body.emotes_null",
        bool,
        False,
        "Chat messages without emotes say null and not an empty list.",
    ),
    (
        "kick.body.replies_to_null",
        bool,
        False,
        "Chat messages that answer nothing say replies_to null and do not leave it out.",
    ),
    (
        "kick.body.gift_echo",
        bool,
        False,
        "A giftee also fires channel.subscription.new. Whether Kick does this is unknown.",
    ),
    (
        "kick.body.giftee_without_id",
        int,
        0,
        "The next N giftees have neither an id nor a name, like an anonymous gifter.",
    ),
    (
        "kick.body.renewal_as_documented",
        bool,
        False,
        "A renewal's dates are one month apart, as in the example of Kick's documentation.",
    ),
    ("kick.body.kicks_silent", bool, False, "kicks.gifted is never delivered (issue 407)."),
    ("kick.body.gift_chunk", int, 25, "Gift drops are split into deliveries of at most N giftees."),
    # public API
    (
        "kick.api.only",
        str,
        "",
        "API faults hit only requests whose path contains this text; empty means all.",
    ),
    ("kick.api.500", int, 0, "The next N API requests answer 500."),
    ("kick.api.429", int, 0, "The next N API requests answer 429."),
    (
        "kick.api.retry_after_s",
        int,
        0,
        "A Retry-After header on 429; 0 leaves it out, as Kick seems to.",
    ),
    (
        "kick.api.401",
        int,
        0,
        "The next N API requests answer 401 although the token is good (issue 239).",
    ),
    (
        "kick.api.cloudflare_403",
        int,
        0,
        "The next N API requests are blocked by Cloudflare (issue 281); this is no auth failure.",
    ),
    ("kick.api.html_error", int, 0, "The next N API requests answer 502 with an HTML page."),
    (
        "kick.api.empty_object_errors",
        bool,
        False,
        "Plain errors say data {} and not data null (issue 289).",
    ),
    ("kick.api.slow_ms", int, 0, "Every API request waits this many milliseconds."),
    # chat
    (
        "kick.chat.is_sent_false",
        int,
        0,
        "The next N posted chat messages answer is_sent false and do not appear.",
    ),
    (
        "kick.chat.lost_reply",
        int,
        0,
        "The next N posted chat messages appear, but the connection dies before the answer.",
    ),
    (
        "kick.chat.quota",
        int,
        0,
        "The next N posted chat messages answer 400 for Kick's own quota (issue 219).",
    ),
    ("kick.chat.bot_500", bool, False, "Chat of type bot answers 500 (issue 343)."),
    ("kick.chat.bot_401", bool, False, "Chat of type bot answers 401 (issue 289)."),
    (
        "kick.chat.bot_missing",
        bool,
        False,
        "The app has no bot: chat of type bot answers 400 Channel not found (issue 123).",
    ),
    # keys, tokens, consent
    ("kick.key.unavailable", bool, False, "The public-key endpoint answers 503."),
    ("kick.token.invalid_grant", int, 0, "The next N token requests answer invalid_grant."),
    ("kick.token.500", int, 0, "The next N token requests answer 500."),
    (
        "kick.token.docs_error",
        bool,
        False,
        'Token errors have the shape of Kick\'s docs: {"error": "Invalid request"}.',
    ),
    ("kick.token.expires_in_string", bool, False, "expires_in is a text, as Kick's docs print it."),
    ("kick.token.user_lifetime_s", int, USER_TOKEN_SECONDS, "Lifetime of a user access token."),
    ("kick.token.app_lifetime_s", int, APP_TOKEN_SECONDS, "Lifetime of an app access token."),
    (
        "kick.token.refresh_lifetime_s",
        int,
        90 * DAY_SECONDS,
        "Lifetime of a refresh token (issue 359: 30 to 90 days).",
    ),
    ("kick.token.code_lifetime_s", int, 60, "Lifetime of an authorization code."),
    (
        "kick.token.refresh_single_use",
        bool,
        False,
        "A refresh token works once, as before November 2025.",
    ),
    (
        "kick.oauth.localhost_rewrite",
        bool,
        True,
        "The first 127.0.0.1 in an authorize query becomes localhost, as on Kick's own page.",
    ),
    # subscriptions, site
    ("kick.subscriptions.chat_limit", int, 1_000, "Chat subscriptions an app may have."),
    (
        "kick.subscriptions.item_error",
        int,
        0,
        "The next N events of a subscribe request fail one by one under 200.",
    ),
    (
        "kick.subscriptions.list_empty",
        bool,
        False,
        "Listing with a user token shows nothing (issue 100).",
    ),
    (
        "kick.site.cloudflare_403",
        bool,
        False,
        "The website's own API answers Cloudflare's challenge page.",
    ),
)


def declare_faults(faults: Faults) -> None:
    """Declare all of them."""
    for name, kind, default, help_text in _FAULTS:
        faults.declare(name, kind=kind, default=default, help=help_text)
