"""What must hold in every world, whatever people do and whatever fails."""

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.world.base import GUILD_OF, Step, Wrong

if TYPE_CHECKING:
    from tests.world.engine import World

QUIET = ("kick", "twitch", "kill", "fault", "mend", "page", "wager", "vips", "feed")
"""Steps that cannot break what is looked at after each."""

EXPECTED = ("Batch failed, running it again",)
"""How events in the log begin that are no error."""

VENDORS_FAULT = re.compile(
    r"not allowed to post|was deleted|does not accept direct|not answering|HTTP (4|5)\d\d|unknown"
    r"|said no|declined|quota|reconnect|Twitch|Kick|Discord rejected|no account|not connected"
    r"|expired|may not|by fault",
    re.I,
)
"""Errors of dead letters that what was done outside explains."""


def forget_log(world: "World") -> None:
    """What was logged while the process died says nothing."""
    world.product.logged.entries.clear()
    world.errors.found.clear()


# -- after each step -------------------------------------------------------------------------------


def after_step(world: "World", step: Step) -> None:
    """No error of ours was logged."""
    entries, world.product.logged.entries = world.product.logged.entries, []
    for one in entries:
        is_error = one["log_level"] in ("error", "critical") or one.get("exception")
        if is_error and not one["event"].startswith(EXPECTED) and "Killed" not in str(one):
            raise Wrong(f"the log says: {str(one.get('exception', ''))[-1800:]} {_short(one)}")
    if world.errors.found:
        found, world.errors.found = world.errors.found, []
        raise Wrong(f"an exception was logged: {found[0][-2500:]}")
    _one_reply_each(world)
    if step[0] not in QUIET:
        world.promises.after_step(world)


def _short(entry: Any) -> str:
    kept = {k: v for k, v in entry.items() if k not in ("log_level", "exception")}
    return str(kept)[:600]


def _one_reply_each(world: "World") -> None:
    """Nobody is answered twice."""
    kick = Counter(
        one.reply_to.message_id
        for one in world.outside.kick.messages
        if one.by_bot and one.reply_to is not None
    )
    twitch = Counter(
        one.reply_to for one in world.outside.twitch.lines if one.by_app and one.reply_to
    )
    for message_id, count in (kick + twitch).items():
        if count > 1 and not _was_refunded(world, message_id):
            raise Wrong(f"chat message {message_id} was answered {count} times")


def _was_refunded(world: "World", message_id: str) -> bool:
    """Whoever bought something is answered again if it cannot be delivered."""
    found = "SELECT 1 FROM points_purchases WHERE message_id = :id AND refused <> ''"
    return bool(world.rows(found, id=message_id))


# -- everything adds up ----------------------------------------------------------------------------

SUMS = {
    "a balance of points is the sum of its entries": """
        SELECT guild_id, viewer_id, bucket, sum(a), sum(b) FROM (
            SELECT guild_id, viewer_id, bucket, points AS a, 0 AS b FROM points_balances
             UNION ALL
            SELECT guild_id, viewer_id, bucket, 0, amount FROM points_entries) x
         GROUP BY 1, 2, 3 HAVING sum(a) <> sum(b)""",
    "a total of points is the sum of its entries": """
        SELECT guild_id, viewer_id, account, sum(a), sum(b) FROM (
            SELECT guild_id, viewer_id, account, points AS a, 0 AS b FROM points_totals
             UNION ALL
            SELECT guild_id, viewer_id, account, 0, amount FROM points_entries) x
         GROUP BY 1, 2, 3 HAVING sum(a) <> sum(b)""",
    "a house account is the sum of its entries": """
        SELECT guild_id, account, sum(a), sum(b) FROM (
            SELECT guild_id, account, given - taken AS a, 0 AS b FROM points_flows
             UNION ALL
            SELECT guild_id, account, 0, amount FROM points_entries) x
         GROUP BY 1, 2 HAVING sum(a) <> sum(b)""",
    "a gift of points gives what it takes": """
        SELECT guild_id, key, sum(amount) FROM points_entries WHERE account = 'gift'
         GROUP BY 1, 2 HAVING sum(amount) <> 0""",
    "tickets are the sum of their entries": """
        SELECT guild_id, period, viewer_id, sum(a), sum(b) FROM (
            SELECT guild_id, period, viewer_id, tickets AS a, 0 AS b FROM raffle_balances
             UNION ALL
            SELECT guild_id, period, viewer_id, 0, amount FROM raffle_entries) x
         GROUP BY 1, 2, 3 HAVING sum(a) <> sum(b)""",
    "tickets by source are the sum of their entries": """
        SELECT guild_id, period, viewer_id, source, sum(a), sum(b) FROM (
            SELECT guild_id, period, viewer_id, source, tickets AS a, 0 AS b
              FROM raffle_source_totals
             UNION ALL
            SELECT guild_id, period, viewer_id, source, 0, amount FROM raffle_entries) x
         GROUP BY 1, 2, 3, 4 HAVING sum(a) <> sum(b)""",
    "a heist that was cancelled keeps nothing, one that is over pays what it says": """
        SELECT h.guild_id, h.number, h.state, COALESCE(sum(e.amount), 0), h.staked, h.paid
          FROM heists h
          LEFT JOIN points_operations o ON o.guild_id = h.guild_id AND o.game = 'heist'
                                       AND o.round = h.number AND o.provider = 'own'
          LEFT JOIN points_entries e ON e.guild_id = h.guild_id AND e.account = 'heist'
                                    AND e.key LIKE o.key || ':%'
         WHERE h.state IN ('cancelled', 'cooldown', 'done')
         GROUP BY h.guild_id, h.number, h.state, h.staked, h.paid
        HAVING COALESCE(sum(e.amount), 0) <>
               CASE WHEN h.state = 'cancelled' THEN 0 ELSE h.paid - h.staked END""",
    "a running heist holds the stakes of its crew": """
        SELECT h.guild_id, h.number, h.state, COALESCE(sum(e.amount), 0), p.staked
          FROM heists h
          JOIN LATERAL (SELECT COALESCE(sum(stake), 0) AS staked FROM heist_players p
                         WHERE p.guild_id = h.guild_id AND p.heist = h.number
                           AND p.state = 'in') p ON true
          LEFT JOIN points_operations o ON o.guild_id = h.guild_id AND o.game = 'heist'
                                       AND o.round = h.number AND o.provider = 'own'
          LEFT JOIN points_entries e ON e.guild_id = h.guild_id AND e.account = 'heist'
                                    AND e.key LIKE o.key || ':%'
         WHERE h.state IN ('open', 'locked', 'resolving')
           AND NOT EXISTS (SELECT FROM points_operations s WHERE s.guild_id = h.guild_id
                            AND s.game = 'heist' AND s.round = h.number AND s.provider <> 'own')
         GROUP BY h.guild_id, h.number, h.state, p.staked
        HAVING COALESCE(sum(e.amount), 0) <> -p.staked""",
    "winners are paid at least their stake and at most the largest multiplier with its bonus": """
        SELECT guild_id, heist, viewer_id, stake, payout, won FROM heist_players
         WHERE (won AND payout < stake) OR (won IS NOT TRUE AND payout > 0)
            OR payout > stake * 101 * 5""",
    "a gifted sub is counted in one raffle, with its tickets": """
        SELECT g.guild_id, g.credited_in, g.viewer_id, sum(g.tickets), e.tickets
          FROM raffle_gifts g
          JOIN LATERAL (SELECT COALESCE(sum(amount), 0) AS tickets FROM raffle_entries e
                         WHERE e.guild_id = g.guild_id AND e.period = g.credited_in
                           AND e.viewer_id = g.viewer_id AND e.source = 'gifted_sub'
                           AND e.amount > 0) e ON true
         WHERE g.credited_in IS NOT NULL AND g.viewer_id IS NOT NULL
         GROUP BY 1, 2, 3, 5 HAVING sum(g.tickets) <> e.tickets""",
    "nobody has VIP twice": """
        SELECT guild_id, twitch_user_id, count(*) FROM vips_sessions
         WHERE state IN ('granting', 'active', 'ending') GROUP BY 1, 2 HAVING count(*) > 1""",
    "a request of slots is in the queue once": """
        SELECT guild_id, number, count(*) FROM slot_calls GROUP BY 1, 2 HAVING count(*) > 1""",
    "a person links an account of each platform once": """
        SELECT guild_id, discord_id, platform, count(*) FROM people_links
         GROUP BY 1, 2, 3 HAVING count(*) > 1""",
}
"""What holds -> the rows for which it does not."""


def adds_up(world: "World") -> None:
    """Every balance is the sum of its entries, and what leaves one arrives in another."""
    for what, sql in SUMS.items():
        if found := world.rows(sql):
            raise Wrong(f"not true: {what}: {[tuple(row) for row in found[:3]]}")


# -- at rest --------------------------------------------------------------------------------------


def at_rest(world: "World") -> None:
    """Once everything has arrived and all vendors work, nothing is left to do."""
    _nothing_waits(world)
    _purchases_are_delivered(world)
    _vips_agree(world)
    _posts_are_ours(world)
    _nobody_hidden_is_named(world)
    world.promises.at_rest(world)
    world.model.check(world)


def _nothing_waits(world: "World") -> None:
    dead = world.rows("SELECT kind, error FROM inbox_deliveries WHERE state = 'dead'")
    retried = world.rows("SELECT handler, error FROM inbox_retries")
    waiting = world.rows("SELECT kind, source FROM inbox_deliveries WHERE state = 'waiting'")
    for what, found in (("dead", dead), ("to be tried again", retried), ("waiting", waiting)):
        if found:
            raise Wrong(f"events are {what}: {[tuple(row) for row in found[:3]]}")
    dead = world.rows(
        "SELECT kind, error, service, target::text FROM outbox_messages WHERE state = 'dead'"
    )
    for row in dead:
        is_ours = row.service != "discord" and world.model.is_exact and not world.history.faults
        if is_ours or not VENDORS_FAULT.search(row.error or ""):
            raise Wrong(f"a dead letter that no fault explains: {tuple(row)}")
        world.history.states["a dead letter that a fault explains"] += 1
    unfinished = world.rows("""
        SELECT guild_id, number, state FROM heists
         WHERE state IN ('open', 'locked', 'resolving', 'paying')""")
    if unfinished:
        raise Wrong(f"heists are not finished: {[tuple(row) for row in unfinished]}")


def _purchases_are_delivered(world: "World") -> None:
    """Each is delivered, or its points are back."""
    found = world.rows("""
        SELECT p.guild_id, p.key, p.offer, p.quantity, p.points, p.refused,
               (SELECT COALESCE(sum(e.amount), 0) FROM points_entries e
                 WHERE e.guild_id = p.guild_id AND e.key IN (p.key, 'back:' || p.key)) AS moved,
               (SELECT COALESCE(sum(e.amount), 0) FROM raffle_entries e
                 WHERE e.guild_id = p.guild_id AND e.source = 'points'
                   AND e.viewer_id = p.viewer_id) AS tickets,
               (SELECT COALESCE(sum(o.quantity), 0) FROM points_purchases o
                 WHERE o.guild_id = p.guild_id AND o.offer = p.offer AND o.refused = ''
                   AND o.viewer_id = p.viewer_id) AS bought
          FROM points_purchases p""")
    for row in found:
        expected = 0 if row.refused else -row.points
        if row.moved != expected:
            raise Wrong(f"a purchase moved {row.moved} points instead of {expected}: {tuple(row)}")
        if row.offer == "raffle.tickets" and row.tickets != row.bought:
            forgotten = world.rows("SELECT 1 FROM people_tombstones LIMIT 1")
            if not forgotten:
                raise Wrong(f"{row.bought} tickets were bought, {row.tickets} arrived: {row.key}")


def _vips_agree(world: "World") -> None:
    """Who has VIP from us has it on Twitch, and who has it there by us is known here."""
    channels = world.outside.twitch.channels
    for row in world.rows("""
        SELECT guild_id, channel_id, twitch_user_id, state, ends_at, trouble FROM vips_sessions
         WHERE state = 'active' AND ends_at IS NOT NULL"""):
        channel = channels.get(row.channel_id)
        if channel is not None and row.twitch_user_id not in channel.vips and not row.trouble:
            raise Wrong(f"VIP that Twitch does not know: {tuple(row)}")
    for channel in channels.values():
        known = {
            row.twitch_user_id
            for row in world.rows(
                """SELECT twitch_user_id FROM vips_sessions WHERE channel_id = :channel
                    AND (state IN ('active', 'ending', 'granting') OR end_reason <> '')""",
                channel=channel.owner.user_id,
            )
        }
        unknown = channel.vips - known - world.model.vips_by_hand(channel.owner.handle)
        if unknown:
            raise Wrong(f"nobody knows why these have VIP: {unknown} at {channel.owner.handle}")


def _posts_are_ours(world: "World") -> None:
    """Every line of the bot in chat is a message of the outbox, and each was said once."""
    said = Counter(
        [one.message_id for one in world.outside.kick.messages if one.by_bot]
        + [one.message_id for one in world.outside.twitch.lines if one.by_app]
    )
    kept = {
        row[0]
        for row in world.rows(
            "SELECT DISTINCT receipt ->> 'message_id' FROM outbox_messages WHERE state = 'sent'"
        )
    }
    lines = {one.message_id: one.content for one in world.outside.kick.messages if one.by_bot}
    lines |= {one.message_id: one.text for one in world.outside.twitch.lines if one.by_app}
    doubted = world.rows(
        "SELECT 1 FROM outbox_messages WHERE state = 'dead' AND service <> 'discord' LIMIT 1"
    )
    unknown = [lines[one] for one in said if one not in kept]
    if unknown and not doubted and not world.history.kills and not world.history.faults:
        raise Wrong(f"lines that nobody has asked for: {unknown[:3]}")


def _nobody_hidden_is_named(world: "World") -> None:
    """No public page names somebody who is hidden, excluded from everything, or forgotten."""
    for streamer, guild_id in GUILD_OF.items():
        hidden = world.rows(
            """
            SELECT DISTINCT v.name FROM people_viewers v
              JOIN people_viewers o ON o.guild_id = v.guild_id
               AND COALESCE(o.represented_by, o.viewer_id) = COALESCE(v.represented_by, v.viewer_id)
             WHERE v.guild_id = :guild AND length(v.name) > 3
               AND (EXISTS (SELECT FROM people_hidden h WHERE h.guild_id = v.guild_id
                                                    AND h.viewer_id = o.viewer_id)
                    OR EXISTS (SELECT FROM people_exclusions x WHERE x.guild_id = v.guild_id
                                AND x.viewer_id = o.viewer_id AND x.scope = 'everything'
                                AND (x.until IS NULL OR x.until > :now)))
               AND NOT EXISTS (SELECT FROM people_viewers s WHERE s.guild_id = v.guild_id
                                AND s.folded_name = v.folded_name AND s.viewer_id <> v.viewer_id)
            """,
            guild=guild_id,
            now=world.clock(),
        )
        gone = world.rows("SELECT 1 FROM people_tombstones LIMIT 1")
        names = [row.name for row in hidden] + ["forgotten-", "<@0>"]
        if not hidden and not gone:
            continue
        world.history.states["somebody is hidden"] += len(hidden)
        for address in public_addresses(world, guild_id):
            page = world.browser().get(
                address, base_url="https://regulars.test", headers={"Accept": "text/html"}
            )
            named = [one for one in names if one.casefold() in page.text.casefold()]
            if named and page.status_code == 200:
                raise Wrong(f"{address} of {streamer} names {named}")


def public_addresses(world: "World", guild_id: int) -> list[str]:
    """Every public page of a server."""
    found = [f"/p/{guild_id}/"]
    for feature in world.product.features:
        for page in feature.public:
            found.append(f"/p/{guild_id}/{page.name}")
            found += [f"/p/{guild_id}/{page.name}/1"] if page.numbered else []
    return found
