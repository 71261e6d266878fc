"""The fake Discord's faults and settings."""

from __future__ import annotations

from sandbox.faults import FaultTable

FAULTS: FaultTable = {
    "discord.rest.500": (0, "The next N REST calls answer 500 and do nothing."),
    "discord.rest.503": (0, "The next N REST calls answer 503: discord.py gives up at once."),
    "discord.rest.429": (0, "The next N REST calls answer 429 and do nothing."),
    "discord.rest.429_retry_after": (0.3, "Seconds the 429 asks to wait."),
    "discord.rest.429_global": (False, "The 429 is a global rate limit."),
    "discord.rest.slow_ms": (0, "Every REST call takes this many ms longer."),
    "discord.rest.missing_permission": (
        0,
        "The next N writing calls in a server answer 403 (50013).",
    ),
    "discord.rest.late_500": (0, "The next N messages are created, but the answer is a 500."),
    "discord.rest.lost_answer": (0, "The next N messages are created, but the connection breaks."),
    "discord.dms.closed": ("", "People with closed DMs (handles, comma-separated): 50007."),
    "discord.gateway.stopped": (False, "The gateway is down: sockets dropped, 503."),
    "discord.gateway.frozen": (False, "The gateway is silent: no events, no ACKs."),
    "discord.gateway.delay_ms": (0, "Events reach the bot this many ms late."),
    "discord.gateway.drop_messages": (0, "The next N MESSAGE_CREATE events are lost."),
    "discord.gateway.no_resume": (False, "RESUME is answered with an invalid session."),
    "discord.gateway.refuse_intents": (False, "Privileged intents: close code 4014."),
    "discord.gateway.late_server_ms": (0, "Delay of the last server's GUILD_CREATE after READY."),
    "discord.gateway.heartbeat_ms": (41_250, "The heartbeat interval of new connections."),
    "discord.interactions.deadline_ms": (3_000, "Time to answer an interaction: 10062."),
    "discord.ratelimit.messages": (
        50,
        "Messages per channel and window (on the real Discord: 5 in 5 s).",
    ),
    "discord.ratelimit.others": (250, "Calls per window on every other bucket."),
    "discord.ratelimit.window_s": (5.0, "Length of the rate limit window in seconds."),
}
