"""Embeds and chat messages, whatever people type."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.bonus_hunt import messages
from core.bonus_hunt.discord import render_message
from core.bonus_hunt.records import Act, Bonus, Hunt, Step
from core.bonus_hunt.rules import figures
from core.bonus_hunt.store import Stats, Total, View
from core.kit.database.records import ChannelId
from core.outbox.chat import cut
from core.people.names import Names
from tests.embeds import ODD_TEXTS, check_harmless, check_limits, text_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def row(position: int = 1, **changes: Any) -> dict[str, Any]:
    usual = {"slot": "Mental", "bet": "0.40", "payout": None, "skipped": False, "viewer": None}
    return {"position": position, **usual} | changes


def payload(**changes: Any) -> dict[str, Any]:
    return {
        "hunt": 3,
        "version": 9,
        "title": "Friday",
        "state": "opening",
        "currency": "EUR",
        "cost": "100.00000000",
        "guesses_open": False,
        "guesses": 0,
        "command": "guess",
        "total": 3,
        "opened": 2,
        "payout_known": True,
        "left": 1,
        "returned": "62.50",
        "profit": "-37.50",
        "break_even": "18.75",
        "average": "44.642857142",
        "next": 3,
        "best": row(1, payout="60"),
        "worst": row(2, payout="2.5", bet="1"),
        "earlier": 0,
        "rows": [row(1, payout="60", viewer="MadCats"), row(2, skipped=True), row(3, bet="2")],
        "viewer": None,
        "chart": None,
        "amount": None,
    } | changes


def hunt_of(name: str = "Friday", *bonuses: Bonus, cost: str = "100") -> View:
    hunt = Hunt(
        number=3,
        name=name,
        currency="EUR",
        digits=2,
        start_cost=Decimal(cost),
        started_at=NOON,
        channel_id=ChannelId(5),
    )
    return View(hunt, bonuses, figures(hunt.start_cost, [bonus.line for bonus in bonuses]))


def bonus(position: int, slot: str = "Mental", payout: str | None = None) -> Bonus:
    paid = None if payout is None else Decimal(payout)
    made = Bonus(hunt=3, position=position, slot=slot, bet=Decimal("0.40"), payout=paid)
    made.viewer_name = None
    return made


def test_message_shows_figures_and_bonuses() -> None:
    embed = messages.hunt(payload())
    assert (embed.title, embed.footer.text) == ("🎰 Friday", "Bonus hunt #3")
    assert str(embed.description).split("\n") == [
        "Next: #3",
        "",
        "`#1` **Mental** · 0.40 → **60** (150.00×) · MadCats",
        "`#2` **Mental** · 0.40 · skipped",
        "➡️ `#3` **Mental** · 2",
    ]
    assert {field.name: field.value for field in embed.fields} == {
        "Start cost": "100 EUR",
        "Opened": "2/3",
        "Returned": "62.50 EUR",
        "Break-even": "18.75×",
        "Average": "44.64×",
        "Result": "−37.50 EUR",
        "🏆 Best": "`#1` **Mental** · 0.40 → **60** (150.00×)",
        "💀 Worst": "`#2` **Mental** · 1 → **2.50** (2.50×)",
    }


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"state": "collecting"}, "Collecting bonuses."),
        ({"next": 0, "left": 0}, "All bonuses opened."),
        ({"state": "finished"}, "Finished."),
        ({"guesses_open": True, "command": "tip"}, "`!tip <amount>` in the stream's chat"),
        ({"guesses": 12}, "12 guesses"),
        ({"viewer": "MadCats", "amount": "70"}, "Best guess: **MadCats** with 70 EUR"),
        ({"earlier": 4, "total": 10}, "… 4 before these"),
        ({"earlier": 4, "total": 10}, "… and 3 more"),
        ({"break_even": "0"}, "reached"),
        ({"profit": "12"}, "+12 EUR"),
        ({"profit": "0"}, "±0 EUR"),
    ],
)
def test_message_says_how_it_stands(changes: dict[str, Any], part: str) -> None:
    assert part in text_of(messages.hunt(payload(**changes)))


def test_collecting_shows_no_figures_yet() -> None:
    names = [field.name for field in messages.hunt(payload(state="collecting", opened=0)).fields]
    assert names == ["Start cost", "Bonuses"]


async def test_rendered_message_has_buttons_while_it_is_in_progress() -> None:
    assert render_message(payload()).view() is not None
    assert render_message(payload(state="finished")).view() is None


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_embeds_fit_and_escape_any_text(text: str) -> None:
    slot, viewer = text[:80], text[:80]
    full = row(1, slot=slot, viewer=viewer, payout="999999999999.12345678", bet="0.00000001")
    view = hunt_of(slot, *(bonus(n, slot, "9") for n in range(1, 40)))
    for embed in (
        messages.hunt(
            payload(title=slot, rows=[full] * 15, best=full, worst=full, viewer=viewer, amount="7")
        ),
        messages.history([view] * 30, 1, 3),
        messages.finished(view),
        messages.started(view.hunt),
        messages.added(view.bonuses[0]),
        messages.removed(view.bonuses[0]),
        messages.result(view.bonuses[0]),
        messages.skipped(view.bonuses[0]),
        messages.reopened(view.hunt),
        messages.stats(
            Stats([Total("EUR", 2, Decimal(5), Decimal(9))] * 20, view.bonuses[0], view.bonuses[1]),
            Names({}, {}),
        ),
    ):
        check_limits(embed)
        check_harmless(embed, text)


def test_every_step_has_words() -> None:
    for act in Act.__args__:  # type: ignore[attr-defined]
        step = Step(hunt=3, number=1, act=act, position=None, before={})
        assert messages.undone(step).description


def test_history_has_pages() -> None:
    views = [hunt_of(f"Hunt {n}", bonus(1, payout="100.5"), cost="10") for n in range(12)]
    embed = messages.history(views, 2, 2)
    assert embed.footer.text == "Page 2 of 2"
    rows = str(embed.description).split("\n")
    assert len(rows) == 2
    assert rows[0].endswith("· 1/1 · +90.50 EUR · 🏆 Mental 251.25×")
    assert "/hunt start" in text_of(messages.history([], 1, 1))
    assert "/hunt start" in text_of(messages.stats(Stats([], None, None), Names({}, {})))


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_chat_lines_fit_for_any_text(text: str) -> None:
    won = {
        "viewer": "MadCats",
        "amount": "70",
        "returned": "60.5",
        "tickets": 1,
        "title": text[:80],
    }
    usual = {"currency": "EUR", "command": "guess"}
    for state in ("open", "closed", "won"):
        line = messages.guesses_line({"state": state, **won, **usual})
        assert cut(line) == line
        assert text[:80] in line
    paid = messages.guesses_line({"state": "won", **won, **usual})
    assert paid.endswith("Prize: 1 raffle ticket.")
    assert "Prize" not in messages.guesses_line({"state": "won", **won, **usual, "tickets": 0})
