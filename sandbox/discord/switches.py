"""How the pretend Discord can be told to misbehave, and its few settings. All are `faults`."""

from __future__ import annotations

from sandbox.faults import FaultKind, Faults, FaultValue

_SWITCHES: tuple[tuple[str, FaultKind, FaultValue, str], ...] = (
    ("discord.rest.500", int, 0, "The next N REST calls answer 500 and do nothing."),
    ("discord.rest.503", int, 0, "The next N REST calls answer 503: discord.py gives up at once."),
    ("discord.rest.429", int, 0, "The next N REST calls answer 429 and do nothing."),
    ("discord.rest.429_retry_after", float, 0.3, "Seconds the 429 asks to wait."),
    ("discord.rest.429_global", bool, False, "The 429 is a global rate limit."),
    ("discord.rest.slow_ms", int, 0, "Every REST call takes this many ms longer."),
    (
        "discord.rest.missing_permission",
        int,
        0,
        "The next N writing REST calls in a guild are refused with 403 50013.",
    ),
    (
        "discord.rest.late_500",
        int,
        0,
        "The next N messages are created, but the answer is a 500 (a retry may double them).",
    ),
    (
        "discord.rest.lost_answer",
        int,
        0,
        "The next N messages are created, but the connection breaks before the answer.",
    ),
    ("discord.dms.closed", str, "", "Handles of people with closed DMs, comma-separated: 50007."),
    ("discord.gateway.stopped", bool, False, "The gateway is down: sockets dropped, 503."),
    ("discord.gateway.frozen", bool, False, "The gateway is silent: no events, no ACKs."),
    ("discord.gateway.delay_ms", int, 0, "Events reach the bot this many ms late."),
    ("discord.gateway.drop_messages", int, 0, "The next N MESSAGE_CREATE events are lost."),
    ("discord.gateway.no_resume", bool, False, "RESUME is answered with an invalid session."),
    ("discord.gateway.refuse_intents", bool, False, "Privileged intents: close code 4014."),
    ("discord.gateway.late_server_ms", int, 0, "How late the last server comes after READY."),
    ("discord.gateway.heartbeat_ms", int, 41_250, "The heartbeat interval of new connections."),
    ("discord.interactions.deadline_ms", int, 3_000, "Time to answer an interaction: 10062."),
    (
        "discord.ratelimit.messages",
        int,
        50,
        "Messages per channel and window. Discord allows 5 in 5 s; more here for speed.",
    ),
    ("discord.ratelimit.others", int, 250, "Calls per window on every other bucket."),
    ("discord.ratelimit.window_s", float, 5.0, "Length of the rate limit window in seconds."),
)


def declare(faults: Faults) -> None:
    for name, kind, default, text in _SWITCHES:
        faults.declare(name, kind=kind, default=default, help=text)
