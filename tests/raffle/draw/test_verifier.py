"""The stand-alone verifier: takes what is right, and not a single bit that is changed."""

import ast
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.raffle.draw.rules import Pick, bundle
from tests.raffle.draw.a_draw import BEACON, FIVE, SEED, TERMS, Draw
from tests.raffle.draw.verifier import FILE, verify

WITHOUT = Draw(FIVE.tickets, replace(TERMS, chain=None, round=None), None)
GIVEN_UP = Draw(FIVE.tickets, beacon=None)
FOREIGN = Draw(FIVE.tickets, replace(TERMS, chain="ab" * 32), replace(BEACON, chain="ab" * 32))


def twisted(raw: bytes, **changes: Any) -> bytes:
    """The bundle with some of its parts replaced, written as a bundle is written."""
    told = {**json.loads(raw), **changes}
    return (json.dumps(told, sort_keys=True, separators=(",", ":")) + "\n").encode()


@pytest.mark.parametrize("draw", [FIVE, WITHOUT, GIVEN_UP], ids=["beacon", "without", "given up"])
def test_a_right_bundle_is_taken(draw: Draw) -> None:
    said: list[str] = []
    verify(draw.bundle(), said.append)
    assert len([line for line in said if line.startswith("5.")]) == TERMS.winners
    assert any("WITHOUT PUBLIC BEACON" in line for line in said) == (draw.beacon is None)


@given(
    st.dictionaries(
        st.integers(1, 10**9).map(lambda number: f"kick:{number}"),
        st.integers(1, 10**12),
        max_size=20,
    ),
    st.binary(min_size=32, max_size=32),
    st.text(max_size=50),
    st.integers(1, 5),
)
def test_whatever_is_drawn_the_verifier_draws_the_same(
    tickets: dict[str, int], seed: bytes, prize: str, winners: int
) -> None:
    terms = replace(
        TERMS, prize=prize, winners=winners, commitment=hashlib.sha256(seed).hexdigest()
    )
    verify(Draw(tickets, terms, seed=seed).bundle())


def test_who_was_skipped_or_silent_is_followed_by_the_next() -> None:
    first, second, third, fourth, _ = FIVE.drawn()
    picks = [
        FIVE.skipped(1, first),
        FIVE.won(2, second),
        FIVE.expired(3, third),
        replace(FIVE.won(4, fourth), result="waiting"),
    ]
    verify(FIVE.bundle(picks))


def test_every_flipped_bit_is_found() -> None:
    first, second, third, *_ = FIVE.drawn()
    picks = [FIVE.won(1, first), FIVE.skipped(2, second), FIVE.won(3, third)]
    for draw in (Draw(FIVE.tickets), GIVEN_UP):
        raw = draw.bundle(picks if draw.beacon else None)
        for place in range(8 * len(raw)):
            changed = bytearray(raw)
            changed[place // 8] ^= 1 << place % 8
            with pytest.raises(Exception):  # noqa: B017, PT011  whatever it is, it is not taken
                verify(bytes(changed))


@pytest.mark.parametrize("cut", [1, 100, 2000])
def test_what_is_cut_off_or_added_is_found(cut: int) -> None:
    raw = FIVE.bundle()
    for changed in (raw[:-cut], raw[cut:], raw + b" " * cut, raw + raw, b""):
        with pytest.raises(ValueError):  # noqa: PT011
            verify(changed)


def refused(raw: bytes) -> str:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        verify(raw)
    return str(error.value)


def test_another_winner_is_found() -> None:
    first, second, third, *_ = FIVE.drawn()
    assert "by the rule, number 1" in refused(FIVE.bundle([FIVE.won(1, third), FIVE.won(2, first)]))
    assert "by the rule, number 2" in refused(FIVE.bundle([FIVE.won(1, first), FIVE.won(2, third)]))
    assert "too few" in refused(FIVE.bundle([FIVE.won(1, first)]))
    three = [FIVE.won(k, who) for k, who in enumerate((first, second, third), 1)]
    assert "more were drawn" in refused(FIVE.bundle(three))


def test_a_line_cannot_be_given_to_another_account_afterwards() -> None:
    first, second, *_ = FIVE.drawn()
    friend = replace(FIVE.won(1, first), account="kick:99")
    assert "another account" in refused(FIVE.bundle([friend, FIVE.won(2, second)]))


def test_nobody_is_skipped_without_a_known_reason() -> None:
    first, second, third, *_ = FIVE.drawn()
    rest = [FIVE.won(2, second), FIVE.won(3, third)]
    moody = Pick(1, FIVE.won(1, first).pseudonym, "skipped", "disliked")  # type: ignore[arg-type]
    assert "why" in refused(FIVE.bundle([moody, *rest]))
    silent = Pick(1, FIVE.won(1, first).pseudonym, "skipped")
    assert "what became" in refused(FIVE.bundle([silent, *rest]))
    both = replace(FIVE.won(1, first), reason="banned")
    assert "what became" in refused(FIVE.bundle([both, *rest]))


def test_a_winner_may_be_forgotten_but_not_one_who_is_waited_for() -> None:
    first, second, *_ = FIVE.drawn()
    gone = replace(FIVE.won(1, first), account=None, secret=None)
    said: list[str] = []
    verify(FIVE.bundle([gone, FIVE.won(2, second)]), said.append)
    assert [line.rsplit("(", 1)[1] for line in said[-2:]] == [
        "the account is not shown)",
        f"{second})",
    ]
    waiting = replace(gone, result="waiting")
    assert "another account" in refused(FIVE.bundle([waiting, FIVE.won(2, second)]))


def test_another_seed_another_list_or_another_round_is_found() -> None:
    seed = bytes(reversed(SEED))
    assert "seed" in refused(Draw(FIVE.tickets, seed=seed).bundle())
    other = Draw({**FIVE.tickets, "kick:16": 1})
    swapped = twisted(FIVE.bundle(), snapshot=other.snapshot.split("\n")[:-1])
    assert "another hash" in refused(swapped)
    later = replace(BEACON, round=BEACON.round + 1)
    assert "promised" in refused(Draw(FIVE.tickets, beacon=later).bundle())
    assert "promised" in refused(Draw(FIVE.tickets, WITHOUT.terms).bundle())


def test_a_list_out_of_order_is_found() -> None:
    """Another order would be another draw, so there is only one."""
    head, tail = FIVE.snapshot.split("\n")[:8], FIVE.snapshot.split("\n")[8:-1]
    raw = bundle("\n".join([*head, *reversed(tail)]) + "\n", SEED, BEACON, [])
    assert "order" in refused(raw)
    raw = bundle("\n".join([*head, tail[0], *tail]) + "\n", SEED, BEACON, [])
    assert "order" in refused(raw)


# -- as viewers run it --------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(FILE), *arguments], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_it_speaks_step_by_step(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(FIVE.bundle())
    seen = json.loads(FIVE.bundle())["snapshot_sha256"]
    code, said = run(str(file), "--seen", seen, TERMS.commitment)
    assert code == 0
    assert [line[:2] for line in said.splitlines() if line[1:2] == "."] == [
        *("1.", "2.", "3.", "4.", "5.", "5.")
    ]
    assert "round, 657413, made 2023-09-15 " in said
    assert said.splitlines()[-1] == (
        "All is as promised, if the number is the beacon's (--online asks it): "
        "this draw had to come out like this."
    )


@pytest.mark.parametrize("draw", [WITHOUT, GIVEN_UP, FOREIGN], ids=["without", "given up", "other"])
def test_it_does_not_call_a_draw_proved_that_the_public_beacon_did_not_decide(
    draw: Draw, tmp_path: Path
) -> None:
    """Whoever has a beacon of their own, or none, could know the result; the last line says so."""
    file = tmp_path / "bundle.json"
    file.write_bytes(draw.bundle())
    code, said = run(str(file), "--online")
    assert (code, said.splitlines()[-1]) == (0, "As promised, but WITHOUT THE PUBLIC BEACON.")
    assert ("promised: 657413" in said) == (draw is GIVEN_UP)
    assert ("ANOTHER BEACON" in said) == (draw is FOREIGN)


ONLINE = """
import io, runpy, sys, urllib.request

_self, bundle, expected, signature = sys.argv

def answer(address, timeout):
    assert address == expected, address
    return io.BytesIO(b'{"signature": "%s"}' % signature.encode())

urllib.request.urlopen = answer
sys.argv = ["verify_draw.py", bundle, "--online"]
runpy.run_path(FILE, run_name="__main__")
"""


@pytest.mark.parametrize("right", [True, False])
def test_the_beacon_itself_is_asked(tmp_path: Path, right: bool) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(FIVE.bundle())
    address = f"https://api.drand.sh/{BEACON.chain}/public/{BEACON.round}"
    script = ONLINE.replace("FILE", repr(str(FILE)))
    says = BEACON.signature if right else BEACON.signature[::-1]
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(file), address, says],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    last = done.stdout.splitlines()[-1]
    if right:
        assert last == "All is as promised: this draw had to come out like this."
    else:
        assert last == "NOT AS PROMISED: the public beacon says another number."
    assert done.returncode == (0 if right else 1)


def test_it_ends_with_one_when_something_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(FIVE.bundle().replace(b"gaming", b"dining"))
    code, said = run(str(file))
    assert code == 1
    assert said.splitlines()[-1] == "NOT AS PROMISED: the list has another hash."
    file.write_bytes(FIVE.bundle())
    assert run(str(file), "--seen", "0" * 64)[0] == 1
    code, said = run(str(tmp_path / "nothing.json"))
    assert code == 2
    assert said.startswith("COULD NOT LOOK: ")


def test_it_is_short_and_needs_nothing() -> None:
    source = FILE.read_text()
    assert len(source.splitlines()) < 150
    tree = ast.walk(ast.parse(source))
    names = {n.module or "" for n in tree if isinstance(n, ast.ImportFrom)}
    tree = ast.walk(ast.parse(source))
    names |= {alias.name for n in tree if isinstance(n, ast.Import) for alias in n.names}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
