"""No message claims the public beacon where it does not decide; `core.draws.words` has the
texts."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.drand.chain import OTHER, QUICKNET
from core.draws import words
from core.draws.snapshot import is_public
from core.heist import messages as heist
from core.raffle.draw import messages as raffle
from core.raffle.draw.discord import render_winner
from core.slot_calls import messages as slot_calls

CORE = Path(__file__).parents[2] / "core"
AT = datetime(2026, 11, 25, tzinfo=UTC).isoformat()
ABOUT: dict[str, Any] = {
    "number": 3, "prize": "A keyboard", "page": "https://regulars.example/draws/x", "round": 42,
    "round_at": AT, "planned_at": AT, "frozen_at": AT, "starts_at": AT, "ends_at": AT,
    "planned": False, "winners": 1, "commitment": "c" * 64, "hash": "a" * 64, "entrants": 2,
    "tickets": 9, "left_out": 0, "claim_minutes": 60, "earlier": [], "freeze_number": 1,
    "previous": None, "plan": {"planned_at": None}, "k": 1, "pseudonym": "p" * 40,
    "claimant": "d" * 32, "reason": None, "name": "Mia", "guild_id": "1", "discord_id": "7",
    "total": 9, "expires_at": AT,
}  # fmt: skip
HEIST: dict[str, Any] = {
    "heist": 1, "rows": [], "players": 2, "staked": 10, "paid": 0, "won": 1, "one": "point",
    "plural": "points", "commitment": "c" * 64, "hash": "a" * 64, "round": 42, "round_at": AT,
    "end": None, "closes_at": AT, "command": "join",
}  # fmt: skip


def shown(public: bool) -> Iterator[str]:
    """What Discord shows of draws of every kind."""
    about = {**ABOUT, "is_public": public, "with_beacon": public}
    for render in (raffle.opened, raffle.planned, raffle.frozen):
        yield str(render(about).embed.to_dict())
    for state in ("drawn", "claimed", "delivered", "expired"):
        yield str(render_winner({**about, "state": state}).embed.to_dict())
    for state in ("waiting", "done", "failed"):
        yield str(slot_calls.random_pick({**about, "state": state}).to_dict())
    yield str(slot_calls.picking(3).to_dict())
    for state in ("locked", "resolving", "paying", "done", "cancelled"):
        for end in ("beacon", "wrong"):
            view = {**HEIST, "is_public": public, "state": state, "end": end}
            yield str(heist.heist(view).to_dict())
    yield words.promise_words(True, public)


def test_no_message_claims_the_public_beacon_where_it_is_another() -> None:
    claim = re.compile("(?<!WITHOUT the )(?<!without the )public beacon|public random number")
    texts = list(shown(public=False))
    assert [text for text in texts if claim.search(text)] == []
    named = [text for text in texts if "beacon that is not the public one" in text]
    assert len(named) > 10
    assert any(claim.search(text) for text in shown(public=True))


def test_public_beacon_is_claimed_in_one_place() -> None:
    """Other texts may only deny it or explain a setting."""
    allowed = {
        "core/draws/words.py", "core/raffle/draw/templates/raffle/draw.html",
        "core/slot_calls/templates/slot_calls/public.html",
    }  # fmt: skip
    said = re.compile(r"""["'}][^"'{}]*\bpublic beacon""")
    denied = re.compile(r"(?i)not (all of these were decided by )?the public|without the public")
    wrong = [
        f"{path.relative_to(CORE.parent)}: {line.strip()}"
        for suffix in ("*.py", "*.html", "*.js")
        for path in CORE.rglob(suffix)
        if str(path.relative_to(CORE.parent)) not in allowed
        for line in path.read_text().splitlines()
        if said.search(line) and '"""' not in line and not denied.search(line)
    ]
    assert [line for line in wrong if "recommended" not in line and "not use the" not in line] == []


@pytest.mark.parametrize(
    ("chain", "seconds", "public"),
    [(QUICKNET.name, 6, True), (QUICKNET.name, 5, False), (OTHER + QUICKNET.hash, 60, False)],
)
def test_fast_draws_are_public_only_with_their_notice(
    chain: str, seconds: int, public: bool
) -> None:
    frozen_at = QUICKNET.made_at(42) - timedelta(seconds=seconds)
    assert is_public(chain, 42, frozen_at, timedelta(seconds=6)) is public
    assert not is_public(chain, None, frozen_at, timedelta(seconds=6))
