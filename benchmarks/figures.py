"""What is measured, in which unit, and the targets."""

from collections.abc import Mapping
from dataclasses import dataclass

Results = dict[str, float]
"""Figure -> value, as written to results.json."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A target for a figure: at least `minimum`, or below `below`."""

    minimum: float | None = None
    below: float | None = None

    def is_reached(self, value: float) -> bool:
        enough = self.minimum is None or value >= self.minimum
        return enough and (self.below is None or value < self.below)

    def __str__(self) -> str:
        return f"at least {self.minimum:g}" if self.minimum is not None else f"below {self.below:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        name: its key in results.json; never changes, so that runs can be compared.
        what: the human-readable name.
        unit: the unit of the value, empty for a ratio.
        aim: the target; None if none is set.
    """

    name: str
    what: str
    unit: str
    aim: Aim | None = None


def translation_name(kind: str) -> str:
    """The prefix of the names of a webhook type's figures."""
    return f"translate_{kind.replace('.', '_')}"


_TRANSLATED = {
    "chat.message.sent": 30,
    "channel.followed": 30,
    "channel.subscription.new": 600,
    "channel.subscription.renewal": 150,
    "channel.subscription.gifts": 600,
    "channel.reward.redemption.updated": 30,
    "livestream.status.updated": 30,
    "livestream.metadata.updated": 30,
    "moderation.banned": 30,
    "kicks.gifted": 150,
}
"""Type of webhook -> how many times as long as `json.loads` of its body translating may take. Money
asks the database whether it was counted in another way before."""

_TRANSLATION = tuple(
    figure
    for kind, maximum in _TRANSLATED.items()
    for figure in (
        Figure(f"{translation_name(kind)}_per_s", f"Events out of {kind}", "per s"),
        Figure(
            f"{translation_name(kind)}_ratio", "The same to its json.loads", "", Aim(below=maximum)
        ),
    )
)

_FEED = tuple(
    figure
    for transport in ("centrifugo", "pusher")
    for figure in (
        Figure(
            f"feed_500_channels_{transport}_mb",
            f"500 channels heard over {transport.capitalize()}",
            "MB",
            Aim(below=50),
        ),
        Figure(f"feed_500_channels_{transport}_threads", "Threads for that", ""),
        Figure(f"feed_500_channels_{transport}_connect_s", "Until all of them are heard", "s"),
    )
)

_LEADERBOARD = tuple(
    Figure(name, what, "ms", Aim(below=50))
    for name, what in {
        "leaderboard_1m_ms": "Leaderboard of 1,000,000 viewers, first page",
        "leaderboard_1m_last_page_ms": "The same, last page",
        "place_1m_top_ms": "One's own place among them, at the top",
        "place_1m_bottom_ms": "The same, at the bottom",
        "card_1m_bottom_ms": "The card of whoever is last",
        "leaderboard_month_ms": "The month's, 20,000 active on ten days",
    }.items()
)

FIGURES = (
    Figure("ingest_per_s", "Signed chat webhooks, durable when answered", "per s"),
    Figure("plain_route_per_s", "A Flask route that only reads the body, gthread", "per s"),
    Figure("ingest_ratio", "Webhooks to that", "", Aim(minimum=0.6)),
    Figure("bare_route_per_s", "The same route in our own worker", "per s"),
    Figure("ingest_own_worker_ratio", "Webhooks to that", ""),
    Figure("ingest_p50_ms", "Its answer at that speed, median", "ms"),
    Figure("ingest_p99_ms", "The same, 99 of 100", "ms"),
    Figure("eventsub_per_s", "Twitch's notifications, durable when answered", "per s"),
    Figure("eventsub_to_kick_ratio", "Those to Kick's webhooks in the same run", ""),
    Figure("eventsub_p99_ms", "Their answer at that speed, 99 of 100", "ms"),
    Figure("eventsub_300_subscribe_s", "300 subscriptions on one WebSocket to Twitch", "s"),
    Figure("eventsub_300_mb", "Memory for them", "MB"),
    Figure("worker_events_per_s", "Events handled by one worker", "per s"),
    Figure("insert_commits_per_s", "Plain INSERTs, each committed", "per s"),
    Figure("worker_ratio", "Events to plain INSERTs", "", Aim(minimum=2)),
    Figure(
        "gifts_per_s", "Gifted subs in threes, to tickets and points", "per s", Aim(minimum=1000)
    ),
    Figure("gifts_ratio", "Gifted subs to plain INSERTs", ""),
    *_TRANSLATION,
    Figure("feed_match_1k_s", "1,000 gifts matched with the feed's reports", "s"),
    Figure("feed_match_ratio", "The same to plain INSERTs of both sides", "", Aim(below=25)),
    *_FEED,
    Figure("webhook_to_discord_p50_ms", "Kick's webhook to Discord's message, median", "ms"),
    Figure("webhook_to_discord_p99_ms", "The same, 99 of 100", "ms", Aim(below=100)),
    Figure("webhook_to_discord_worst_ms", "The same, the slowest", "ms"),
    Figure("webhook_answer_p99_ms", "A webhook's answer meanwhile, 99 of 100", "ms"),
    Figure("credit_1k_s", "Watchtime credit, 1,000 active viewers", "s"),
    Figure("credit_10k_s", "Watchtime credit, 10,000 active viewers", "s"),
    Figure("credit_100k_s", "Watchtime credit, 100,000 active viewers", "s", Aim(below=1)),
    *_LEADERBOARD,
    Figure("role_look_10k_s", "A look at 10,000 members of whom 1 % have changed", "s"),
    Figure("role_look_10k_without_news_s", "The same when nobody has", "s"),
    Figure("role_changes_needed", "Roles that members lacked or had too much", ""),
    Figure("role_calls_made", "Calls to Discord for them; the run fails unless as many", ""),
    Figure("link_callback_p50_ms", "Back from Kick to the last page of linking, median", "ms"),
    Figure("link_callback_p99_ms", "The same, 99 of 100", "ms"),
    Figure("link_callback_own_ms", "Our part of it, median", "ms"),
    Figure("raffle_gifts_one_by_one_per_s", "Gifts that become tickets, each committed", "per s"),
    Figure("raffle_gifts_at_once_per_s", "The same in one go, as after a gap", "per s"),
    Figure("raffle_balance_ms", "A balance, over 1,000,000 entries", "ms"),
    Figure("raffle_card_ms", "The whole answer of /tickets there", "ms"),
    Figure("raffle_audit_1m_s", "The proof that all balances are sums", "s"),
    Figure("freeze_100k_s", "Freezing a raffle, 100,000 holders of 10,000,000 tickets", "s"),
    Figure("draw_100k_s", "Drawing three winners among them", "s"),
    Figure("freeze_and_draw_100k_s", "Both together", "s", Aim(below=2)),
    Figure("draw_bundle_s", "Writing what everybody can check", "s"),
    Figure("draw_bundle_mb", "Its size", "MB"),
    Figure("draw_verifier_s", "Checking it with the verifier", "s"),
    Figure("leaderboard_asked_per_s", "Requests for the public leaderboard meanwhile", "per s"),
    Figure(
        "ingest_beside_leaderboard_ratio", "Webhooks with those to without", "", Aim(minimum=0.8)
    ),
    Figure("ingest_beside_streams_ratio", "Webhooks with 40 live streams to without", ""),
    Figure("ingest_beside_streams_p99_ms", "Their answer, 99 of 100", "ms"),
    Figure("overlay_p50_ms", "From a click to each of 60 overlays, beside webhooks, median", "ms"),
    Figure("overlay_p99_ms", "The same, 99 of 100", "ms", Aim(below=1000)),
    Figure("ingest_beside_overlays_ratio", "Webhooks with 60 overlays", "", Aim(minimum=0.8)),
    Figure(
        "pages_slowest_ms", "Slowest page, 100,000 viewers, 1,000,000 entries", "ms", Aim(below=100)
    ),
    Figure("game_match_10k_ms", "A misspelt game among 10,000", "ms", Aim(below=5)),
    Figure(
        "slot_requests_per_min",
        "Slot requests one by one, with a panel",
        "per min",
        Aim(minimum=1000),
    ),
    Figure("points_grant_10k_s", "Points for 10,000 viewers at once", "s"),
    Figure("points_take_10k_s", "Stakes of 10,000 players at once", "s"),
    Figure("points_pay_10k_s", "Payouts to 10,000 players at once", "s"),
    Figure("points_board_100k_s", "A page of the leaderboard of points, 100,000 viewers", "s"),
    Figure("points_board_growth", "The same, as a multiple of 10,000 viewers", "", Aim(below=20)),
    Figure("points_place_100k_s", "Somebody's place among them", "s"),
    Figure("points_place_growth", "The same, as a multiple of 10,000 viewers", "", Aim(below=20)),
    Figure("points_audit_100k_s", "The audit of their ledger", "s"),
    Figure("points_audit_growth", "The same, as a multiple of 10,000 viewers", "", Aim(below=20)),
    Figure("heist_joins_per_s", "Joins of a heist, 50 in a batch", "per s"),
    Figure("heist_payout_10k_s", "Rolls and payouts of 10,000 players", "s"),
    Figure("tier_lookup_ms", "Lookup of a viewer's tier", "ms", Aim(below=1)),
    Figure("tiers_cached_per_min", "Subscription events cached", "/min", Aim(minimum=10_000)),
    Figure(
        "vip_granted_p50_ms",
        "Webhook of a redemption to VIP on the pretend Twitch, median",
        "ms",
    ),
    Figure("vip_granted_p99_ms", "The same, 99 of 100", "ms", Aim(below=1000)),
    Figure("vip_expire_1000_s", "1,000 VIPs that end at once, without Twitch's limit", "s"),
    Figure("pages_median_ms", "A page there, median of all", "ms"),
    Figure("peak_rss_mb", "Most memory of the product's process", "MB"),
    Figure("cpu_cores", "Cores of this machine", ""),
    Figure("load_before", "Load before the run (idle: below 0.5)", ""),
)
"""In the order of the table. A benchmark may return further figures, which come last."""


def verdict(figure: Figure, results: Mapping[str, float]) -> str:
    """Whether the target is met, in a word; empty if there is no target or no value."""
    if figure.aim is None or figure.name not in results:
        return ""
    return "reached" if figure.aim.is_reached(results[figure.name]) else "missed"
