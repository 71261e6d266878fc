"""Rare states of a world, which have to be reached now and then, or the world proves little."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.world.base import Step

if TYPE_CHECKING:
    from tests.world.engine import World

_LOOK = """
    SELECT (SELECT count(*) FROM heists WHERE state IN ('open', 'locked', 'resolving')) AS heists,
           (SELECT count(*) FROM heists WHERE state = 'open' AND closes_at < :now) AS closing,
           (SELECT count(*) FROM heists WHERE state IN ('resolving', 'paying')) AS paying,
           (SELECT count(*) FROM raffle_periods WHERE state = 'frozen') AS frozen,
           (SELECT count(*) FROM raffle_periods WHERE state = 'drawn') AS drawn,
           (SELECT count(*) FROM raffle_periods WHERE state = 'open') AS raffles,
           (SELECT count(*) FROM vips_sessions WHERE state = 'granting') AS granting,
           (SELECT count(*) FROM vips_sessions WHERE state = 'active') AS vips,
           (SELECT count(*) FROM vips_redemptions WHERE state NOT IN ('fulfilled', 'refunded',
                                                                      'closed')) AS redemptions,
           (SELECT count(*) FROM vips_rewards WHERE pause = 'full') AS full,
           (SELECT count(*) FROM points_purchases WHERE refused <> '') AS refused,
           (SELECT count(*) FROM kick_review_items WHERE state IN ('open', 'credited')) AS missed,
           (SELECT count(*) FROM bonus_hunts WHERE state <> 'finished') AS hunts,
           (SELECT count(*) FROM people_tombstones) AS forgotten,
           (SELECT count(*) FROM inbox_deliveries WHERE state = 'waiting') AS inbox,
           (SELECT count(*) FROM outbox_messages WHERE state = 'waiting') AS outbox,
           (SELECT count(*) FROM outbox_messages WHERE unsure) AS unsure,
           (SELECT count(*) FROM inbox_deliveries
             WHERE received_at - sent_at > interval '2 minutes') AS late
"""


def look(world: "World") -> Any:
    """What matters for the states below."""
    return world.rows(_LOOK, now=world.clock())[0]


def _unlinks(step: Step) -> bool:
    return step[0] == "slash" and step[1]["command"] in ("unlink", "forgetme")


def _does(step: Step, *actions: str) -> bool:
    return step[0] in ("kick", "twitch") and step[1].get("action") in actions


STATES: Mapping[str, Callable[["World", Step, Any, Any, bool], bool]] = {
    "somebody unlinks while a list is frozen": lambda w, s, b, a, k: _unlinks(s) and b.frozen > 0,
    "somebody unlinks while a heist runs": lambda w, s, b, a, k: _unlinks(s) and b.heists > 0,
    "somebody links while a heist runs": lambda w, s, b, a, k: s[0] == "link" and b.heists > 0,
    "a winner may claim at a restart": lambda w, s, b, a, k: k and b.drawn > 0,
    "killed while a list is frozen": lambda w, s, b, a, k: k and b.frozen > 0,
    "killed while a heist runs": lambda w, s, b, a, k: k and b.heists > 0,
    "killed while VIP is granted": lambda w, s, b, a, k: k and b.granting > 0,
    "killed with events waiting": lambda w, s, b, a, k: k and b.inbox > 0,
    "killed with messages waiting": lambda w, s, b, a, k: k and b.outbox > 0,
    "killed in the sender": lambda w, s, b, a, k: k and s[0] == "send",
    "killed in the worker": lambda w, s, b, a, k: k and s[0] == "work",
    "killed in a task": lambda w, s, b, a, k: k and s[0] in ("task", "wait"),
    "killed in a command": lambda w, s, b, a, k: k and s[0] in ("slash", "typed", "click"),
    "killed in a web request": lambda w, s, b, a, k: k and s[0] in ("form", "api", "deliver"),
    "a reward is deleted while it is redeemed": (
        lambda w, s, b, a, k: _does(s, "delete_reward") and b.redemptions > 0
    ),
    "a heist locks during an outage": (
        lambda w, s, b, a, k: w.has_faults and b.closing > 0 and a.heists > 0
    ),
    "a heist pays after an outage": lambda w, s, b, a, k: b.paying > 0 and a.paying == 0,
    "a gift waits across the end of a month": lambda w, s, b, a, k: _gift_of_last_month(w),
    "a month ends with a raffle open": lambda w, s, b, a, k: (
        s[0] == "wait" and b.raffles > 0 and w.clock().day == 1
    ),
    "a name changes while a heist runs": (
        lambda w, s, b, a, k: _does(s, "rename") and b.heists > 0
    ),
    "VIP by hand while the bot grants it": (
        lambda w, s, b, a, k: _does(s, "vip", "moderator") and (b.granting + b.redemptions) > 0
    ),
    "no VIP slot is free": lambda w, s, b, a, k: a.full > b.full,
    "a purchase is refused": lambda w, s, b, a, k: a.refused > b.refused,
    "Kick's feed finds what a webhook lost": lambda w, s, b, a, k: a.missed > b.missed,
    "somebody is forgotten": lambda w, s, b, a, k: a.forgotten > b.forgotten,
    "somebody is forgotten while a heist runs": (
        lambda w, s, b, a, k: a.forgotten > b.forgotten and b.heists > 0
    ),
    "an answer of a vendor is lost": lambda w, s, b, a, k: a.unsure > b.unsure,
    "a command arrives late": lambda w, s, b, a, k: a.late > b.late,
    "a delivery arrives twice": lambda w, s, b, a, k: (
        s[0] == "deliver" and s[1].get("how") == "twice"
    ),
    "a member leaves while a list is frozen": (
        lambda w, s, b, a, k: s[0] == "member" and "leave" in s[1] and b.frozen > 0
    ),
    "a setting changes while a heist runs": (
        lambda w, s, b, a, k: s[0] == "slash" and "settings" in s[1]["command"] and b.heists > 0
    ),
    "a vendor fails while messages wait": lambda w, s, b, a, k: w.has_faults and a.outbox > 0,
}
"""Name -> `reached(world, step, before, after, was_killed)`."""


def _gift_of_last_month(world: "World") -> bool:
    month = f"-{world.clock():%m}-"
    return any(
        "gift" in one.kind and month not in one.headers.get("Kick-Event-Message-Timestamp", month)
        for one in world.outside.deliveries
    )


def note(world: "World", step: Step, before: Any, after: Any, *, killed: bool) -> None:
    """Count the states that this step has reached."""
    for name, reached in STATES.items():
        if reached(world, step, before, after, killed):
            world.history.states[name] += 1
