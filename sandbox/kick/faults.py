"""The fake Kick's faults, with the issue in Kick's tracker that reported each."""

from sandbox.faults import Faults, FaultTable

DAY_SECONDS = 86_400
USER_TOKEN_SECONDS = 7_200
APP_TOKEN_SECONDS = 60 * DAY_SECONDS
GUEST_TOKEN_SECONDS = 45 * 60

PROVIDERS: dict[str, tuple[str, ...]] = {
    "centrifugo": ("centrifugo",),
    "pusher": ("pusher",),
    "both": ("centrifugo", "pusher"),
    "none": (),
}
"""Value of ``kick.feed.provider`` -> the transports that Kick runs, the preferred one first."""

FAULTS: FaultTable = {
    # webhooks
    "kick.webhook.duplicate": (0, "The next N deliveries are sent twice with the same message id."),
    "kick.webhook.duplicate_new_id": (0, "The next N deliveries are sent again with a new id."),
    "kick.webhook.delay_ms": (0, "Every delivery waits this many milliseconds; the order is kept."),
    "kick.webhook.drop": (0, "The next N deliveries are lost."),
    "kick.webhook.drop_only": ("", "Drop only types that contain this text (empty: all)."),
    "kick.webhook.bad_signature": (0, "The next N deliveries have an invalid signature."),
    "kick.webhook.wrong_type": (0, "The next N deliveries have a wrong type header (unsigned)."),
    "kick.webhook.reorder": (0, "The next N deliveries are sent after the one that follows them."),
    "kick.webhook.clock_skew_s": (0, "Seconds added to signed timestamps (negative: in the past)."),
    "kick.webhook.retries": (0, "Retries of a failed delivery. Real Kick was never seen to retry."),
    "kick.webhook.retry_delay_ms": (1_000, "Pause before each retry."),
    "kick.webhook.timeout_ms": (5_000, "How long a delivery waits for an answer."),
    "kick.webhook.unsubscribe_after_s": (
        float(DAY_SECONDS),
        "Unsubscribe an event type that has only failed for this many seconds.",
    ),
    # webhook bodies
    "kick.body.is_verified_null": (False, "is_verified is null, as seen on Kick."),
    "kick.body.profile_picture_empty": (False, "profile_picture is empty, as seen on Kick."),
    "kick.body.emotes_null": (False, "Messages without emotes have null instead of a list."),
    "kick.body.replies_to_null": (False, "Messages that are no reply have replies_to null."),
    "kick.body.gift_echo": (False, "Gifted subs also send channel.subscription.new (unconfirmed)."),
    "kick.body.giftee_without_id": (0, "The next N gifted viewers have no id and no name."),
    "kick.body.renewal_as_documented": (False, "Renewals are one month long, as in Kick's docs."),
    "kick.body.kicks_silent": (False, "kicks.gifted is never delivered (issue 407)."),
    "kick.body.gift_chunk": (25, "Gift drops are split into deliveries of at most N viewers."),
    # public API
    "kick.api.only": ("", "API faults only affect paths that contain this text (empty: all)."),
    "kick.api.500": (0, "The next N API requests answer 500."),
    "kick.api.429": (0, "The next N API requests answer 429."),
    "kick.api.retry_after_s": (0, "Retry-After header on 429; 0: no header, as on Kick."),
    "kick.api.401": (0, "The next N API requests answer 401 for a valid token (issue 239)."),
    "kick.api.cloudflare_403": (0, "Cloudflare blocks the next N requests (issue 281)."),
    "kick.api.html_error": (0, "The next N API requests answer 502 with an HTML page."),
    "kick.api.empty_object_errors": (False, "Errors have data {} instead of null (issue 289)."),
    "kick.api.slow_ms": (0, "Every API request waits this many milliseconds."),
    # chat
    "kick.chat.is_sent_false": (0, "The next N chat posts answer is_sent false and do not appear."),
    "kick.chat.lost_reply": (0, "The next N posts appear, but the connection breaks."),
    "kick.chat.quota": (0, "The next N posts fail with Kick's quota error (issue 219)."),
    "kick.chat.bot_500": (False, "Chat of type bot answers 500 (issue 343)."),
    "kick.chat.bot_401": (False, "Chat of type bot answers 401 (issue 289)."),
    "kick.chat.bot_missing": (False, "Chat of type bot answers Channel not found (issue 123)."),
    # keys, tokens, consent
    "kick.key.unavailable": (False, "The public-key endpoint answers 503."),
    "kick.token.invalid_grant": (0, "The next N token requests answer invalid_grant."),
    "kick.token.500": (0, "The next N token requests answer 500."),
    "kick.token.docs_error": (
        False,
        'Token errors as in Kick\'s docs: {"error": "Invalid request"}.',
    ),
    "kick.token.expires_in_string": (False, "expires_in is a string, as in Kick's docs."),
    "kick.token.user_lifetime_s": (USER_TOKEN_SECONDS, "Lifetime of a user access token."),
    "kick.token.app_lifetime_s": (APP_TOKEN_SECONDS, "Lifetime of an app access token."),
    "kick.token.refresh_lifetime_s": (90 * DAY_SECONDS, "Lifetime of a refresh token (issue 359)."),
    "kick.token.code_lifetime_s": (60, "Lifetime of an authorization code."),
    "kick.token.refresh_single_use": (False, "A refresh token works once, as before 2025-11."),
    "kick.oauth.localhost_rewrite": (
        True,
        "127.0.0.1 becomes localhost on the consent page, as on Kick.",
    ),
    # subscriptions, site
    "kick.subscriptions.chat_limit": (1_000, "Chat subscriptions an app may have."),
    "kick.subscriptions.item_error": (0, "The next N events in subscribe requests fail."),
    "kick.subscriptions.list_empty": (False, "A user token lists nothing (issue 100)."),
    "kick.site.cloudflare_403": (False, "The website answers with Cloudflare's challenge."),
    # realtime feed
    "kick.feed.provider": ("centrifugo", "centrifugo (since October 2026), pusher, both or none."),
    "kick.feed.refuse": (False, "Negotiation answers Cloudflare's 403."),
    "kick.feed.wrong_key": (False, "Pusher no longer accepts its app key: error 4001."),
    "kick.feed.drop": (0, "The next N feed events are lost for all listeners."),
    "kick.feed.drop_only": ("", "Only drop events whose name contains this text (empty: all)."),
    "kick.feed.delay_ms": (0, "Every feed event waits this long; the order is kept."),
    "kick.feed.duplicate": (0, "The next N feed events are sent twice."),
    "kick.feed.silent": (False, "Both servers freeze: sockets stay open, but nothing is sent."),
    "kick.feed.old_names": ("", "Gifts under their old names: both = too, only = instead."),
    "kick.feed.gift_bundle": (False, "Gift drops also send SubscriptionGifted (a guess)."),
    "kick.feed.gift_chunk": (10, "Gift events name at most N viewers; larger drops are split."),
    "kick.feed.data_object": (False, "Centrifugo sends data as an object, not as JSON text."),
    "kick.feed.token_s": (GUEST_TOKEN_SECONDS, "Lifetime of a guest token."),
    "kick.feed.expired_close_s": (25.0, "How long Centrifugo waits for a new token after expiry."),
    "kick.feed.ping_s": (25.0, "Pause between two pings of Centrifugo."),
    "kick.feed.pong_s": (8.0, "How long Centrifugo waits for the answer to a ping."),
    "kick.feed.activity_timeout_s": (120, "Pusher pings a client after this many silent seconds."),
}


def providers(faults: Faults) -> tuple[str, ...]:
    """The enabled transports, the preferred one first; none for an unknown value."""
    return PROVIDERS.get(str(faults.get("kick.feed.provider")), ())
