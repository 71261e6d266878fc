"""For each planted fault the few steps that show it; without the fault they pass."""

from collections.abc import Mapping
from typing import Any

from tests.world.base import NAMESAKES, Step
from tests.world.people import WISHES


def _slash(command: str, person: str = "nora", **options: Any) -> Step:
    given = {"person": person, "server": "nora", "command": command, "options": options}
    return "slash", given


def _says(person: str, text: str, platform: str = "kick") -> Step:
    return platform, {"action": "chat", "person": person, "text": text, "channel": "nora"}


def _kick(action: str, **given: Any) -> Step:
    return "kick", {"action": action, "channel": "nora", **given}


def _twitch(action: str, **given: Any) -> Step:
    return "twitch", {"action": action, "channel": "nora", **given}


def _wait(seconds: float) -> Step:
    return "wait", {"seconds": seconds, "tasks": 0, "order": 0}


ARRIVES: tuple[Step, ...] = (("deliver", {}), ("work", {"times": 20}))
VIPS: Step = ("vips", {})
SEND: Step = ("send", {})

LIVE: tuple[Step, ...] = (
    ("configure", {"server": "nora", "values": WISHES}),
    ("configure", {"server": "vera", "values": WISHES}),
    _kick("live"),
    _twitch("live"),
    _slash("rafflestart"),
    _says("mia", "hello"),
    _says("leo", "hello"),
    _says("yuki", "hello", "twitch"),
    *ARRIVES,
)
RICH = _slash("pointsadmin add", who="kick:MadCats", amount="5000")
LINKED: Step = (
    "link",
    {"person": "mia", "server": "nora", "platform": "kick", "account": "mia"},
)
PRESS: Step = (
    "click",
    {"person": "mia", "server": "nora", "message": 0, "component": 0, "words": ["x"]},
)
HUNT: tuple[Step, ...] = (
    _slash("hunt start", name="Friday", start_cost="100"),
    _slash("hunt add", game="Sugar Rush", bet="1"),
    _slash("hunt add", game="Mental", bet="1"),
    _slash("hunt guesses", what="open"),
    _says("mia", "!guess 10"),
    _says("leo", "!guess 500"),
    *ARRIVES,
    _slash("hunt open"),
    _slash("hunt result", payout="12"),
)

SCENES: Mapping[str, tuple[Step, ...]] = {
    "words": (*LIVE, RICH, _says("mia", "!give lil_bean 2 KEKW"), *ARRIVES),
    "numbers": (*LIVE, RICH, _says("mia", "!give lil_bean 100 5"), *ARRIVES),
    "late_start": (*LIVE, _says("mia", "!heist"), _wait(15), *ARRIVES),
    "late_command": (*LIVE, RICH, _says("mia", "!buy tickets 1"), _wait(140), *ARRIVES),
    "late_reply": (*LIVE, _says("mia", "!call Book of Dead"), _wait(400), *ARRIVES),
    "gift_again": (
        *LIVE,
        _kick("gift", person="mia", giftees=["leo"]),
        ("deliver", {"how": "anew"}),
        ("work", {"times": 9}),
    ),
    "gift_chunks": (*LIVE, _kick("gift", person="mia", giftees=["leo"], count=30), *ARRIVES),
    "sub_again": (
        *LIVE,
        ("fault", {"name": "twitch.event.duplicate_new_id", "value": 1}),
        _twitch("subscribe", person="mia"),
        *ARRIVES,
    ),
    "hidden": (*LIVE, RICH, LINKED, _slash("hideme", "mia", hide=True)),
    "forgotten": (
        *LIVE,
        LINKED,
        _slash("rafflegive", who="kick:MadCats", amount="5"),
        _slash("hunt start", name="Friday", start_cost="100"),
        _slash("hunt add", game="Mental", bet="1", by="kick:MadCats"),
        _slash("forgetme", "mia"),
        PRESS,
    ),
    "vip_stops": (
        *LIVE,
        _slash("vip give", viewer="twitch:yuki_snow", duration="1h"),
        ("fault", {"name": "twitch.api.403", "value": 9}),
        VIPS,
    ),
    "vip_stays": (
        *LIVE,
        _slash("vip give", viewer="twitch:yuki_snow", duration="1h"),
        VIPS,
        ("deliver", {}),
        _wait(4000),
    ),
    "refund": (
        *LIVE,
        _slash("pointsadmin add", who="twitch:yuki_snow", amount="500"),
        _twitch("slots", count=0),
        _says("yuki", "!buy vip 1", "twitch"),
        *ARRIVES,
        VIPS,
        ("work", {"times": 3}),
    ),
    "twice_said": (
        *LIVE,
        _says("mia", "!points"),
        *ARRIVES,
        ("fault", {"name": "kick.chat.lost_reply", "value": 1}),
        SEND,
        _wait(12),
        SEND,
    ),
    "emote": (
        *LIVE,
        _slash("games ban", title="Gates of Olympus"),
        _says("mia", "!call Gates of Olympus [emote:37226:KEKW]"),
        *ARRIVES,
    ),
    "reply_gone": (*LIVE, _says("mia", "!points"), *ARRIVES, ("unsay", {"number": 0}), SEND),
    "platform": (
        *LIVE,
        _says(NAMESAKES[1], "hello"),
        *ARRIVES,
        _slash("pointsadmin add", who=f"twitch:{NAMESAKES[0]}", amount="5000"),
    ),
    "undo": (*LIVE, *HUNT, _slash("hunt undo")),
    "guess": (*LIVE, *HUNT, _slash("hunt result", payout="3"), _slash("hunt finish")),
    "servers": (*LIVE, _kick("subscribe", person="mia"), *ARRIVES),
}
"""Name of a planted fault -> steps."""
