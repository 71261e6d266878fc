"""Parsing commands from chat messages, however they are typed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import ChatMessageSent, Person, RewardRedeemed, Sender

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def line(text: str) -> ChatMessageSent:
    sender = Sender(user_id=5, name="MadCats")
    return ChatMessageSent(
        key="k",
        guild_id=1,
        at=NOON,
        platform="kick",
        channel_id=2,
        message_id="m",
        sender=sender,
        text=text,
    )


CALL = ("call", "Starburst")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        *(
            (text, CALL)
            for text in (
                *(
                    "!call Starburst",
                    "  !CALL   Starburst ",
                    "! call Starburst",
                    "！call Starburst",
                ),
                *(
                    "!\u00a0call\u00a0Starburst",
                    "!call\u034f Starburst",
                    "\u200b!call Star\u00adburst",
                ),
                *(
                    "!call Starburst \U000e0000",
                    "!call Starburst\u3000\u2800",
                    "!c\u200dall Starburst",
                ),
                *(
                    "@NoraPlays !call Starburst",
                    "@NoraPlays, !call Starburst",
                    "\u2066@Nora\u2069 !call Starburst",
                ),
                *(
                    "@Nora @MadCats !call Starburst",
                    "＠Nora ！ＣＡＬＬ Starburst",
                    "!call\n\tStarburst",
                ),
                *(
                    "!call! Starburst",
                    "!call🔥 Starburst",
                    "\u202e!call Starburst\u202c",
                    "!call Starburst\0",
                ),
                *("!call \ud83d Starburst", "!call Starburst\u2029", "\ufeff!call Starburst"),
            )
        ),
        *(
            (text, ("call", ""))
            for text in ("!call", "!call \u034f", "!call \u3164\u2800", "!call \u202e")
        ),
        ("!JOİN 5", ("join", "5")),
        ("!ÇAĞRI x", ("çağri", "x")),
        ("!ΣΊΣΥΦΟΣ", ("σίσυφοσ", "")),
        ("!guess 1234\u034f", ("guess", "1234")),
        *((text, ("", "")) for text in ("hello !call x", "wow!", "!", "!!", "@Nora hi !call", "")),
    ],
)
def test_commands_are_recognised_however_they_are_typed(
    text: str, command: tuple[str, str]
) -> None:
    said = line(text)
    assert (said.command, said.argument) == command


@given(st.text())
def test_every_line_is_read(text: str) -> None:
    said = line(text)
    assert said.argument == said.argument.strip()
    assert said.text.isprintable() or not said.text.isascii()
    said.text.encode()


def test_names_and_texts_of_events_are_cleaned() -> None:
    assert Sender(user_id=5, name="\u202eMad\u200bCats").name == "MadCats"
    assert Person(user_id=5, name="\u3164").name == "5"
    assert Person(user_id=5, name="").name == ""
    redeemed = RewardRedeemed(
        key="k",
        guild_id=1,
        at=NOON,
        platform="kick",
        channel_id=2,
        redemption_id="r",
        reward_id="w",
        title="\u202eVIP",
        cost=1,
        redeemer=Person(user_id=5, name="x"),
        user_input="24h\u034f",
        status="pending",
    )
    assert (redeemed.title, redeemed.user_input) == ("VIP", "24h")
