"""The stand-alone verifier accepts valid bundles and rejects any changed bit."""

import ast
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.drand.chain import QUICKNET
from core.draws.picks import Pick, bundle
from core.draws.secrets import claimant
from core.draws.snapshot import Plan, hash_of
from tests.draws.a_draw import BEACON, CLAIMED, FIVE, SALT, SEED, TERMS, Draw
from tests.draws.verifier import FILE, verify

OTHER_CHAIN = "other:" + QUICKNET.hash
WITHOUT = Draw(FIVE.tickets, replace(TERMS, chain=None, round=None), None)
GIVEN_UP = Draw(FIVE.tickets, beacon=None)
FOREIGN = Draw(FIVE.tickets, replace(TERMS, chain=OTHER_CHAIN), replace(BEACON, chain=OTHER_CHAIN))


def twisted(raw: bytes, **changes: Any) -> bytes:
    """The bundle with some of its parts replaced, written as a bundle is written."""
    altered = {**json.loads(raw), **changes}
    return (json.dumps(altered, sort_keys=True, separators=(",", ":")) + "\n").encode()


@pytest.mark.parametrize(
    "draw",
    [FIVE, CLAIMED, WITHOUT, GIVEN_UP],
    ids=["beacon", "claimants", "without", "given up"],
)
def test_valid_bundle_is_accepted(draw: Draw) -> None:
    said: list[str] = []
    verify(draw.bundle(), said.append)
    assert len([line for line in said if line.startswith("5.")]) == TERMS.winners
    assert any("WITHOUT THE PUBLIC BEACON" in line for line in said) == (draw.beacon is None)


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
def test_verifier_repeats_any_draw(
    tickets: dict[str, int], seed: bytes, prize: str, winners: int
) -> None:
    terms = replace(
        TERMS, prize=prize, winners=winners, commitment=hashlib.sha256(seed).hexdigest()
    )
    verify(Draw(tickets, terms, seed=seed).bundle())


def test_old_proof_is_still_verified() -> None:
    """Of a list without claimants, as the bot wrote it then."""
    raw = (FILE.parents[1] / "tests" / "draws" / "proof_of_version_2.json").read_bytes()
    verified, posted = verify(raw)
    assert (verified["format"], len(posted)) == ("regulars draw 2", 5)


@pytest.mark.parametrize("draw", [FIVE, CLAIMED], ids=["2", "3"])
def test_skipped_and_expired_winners_are_followed_by_the_next(draw: Draw) -> None:
    first, second, third, fourth, _ = draw.drawn()
    picks = [
        draw.skipped(1, first),
        draw.won(2, second),
        draw.expired(3, third),
        replace(draw.won(4, fourth), result="waiting"),
    ]
    verify(draw.bundle(picks))


def test_claimant_and_time_to_claim_are_those_of_the_list() -> None:
    first, second, third, *_ = CLAIMED.drawn()
    rest = [CLAIMED.won(2, second), CLAIMED.won(3, third)]
    friend = replace(CLAIMED.won(1, first), claimant=claimant(SALT, 2))
    assert "claimed by another member" in refused(CLAIMED.bundle([friend, *rest]))
    forgotten = replace(friend, account=None, secret=None)
    assert "claimed by another member" in refused(CLAIMED.bundle([forgotten, *rest]))
    late = CLAIMED.expired(1, first)
    assert "only 172799 seconds" in refused(
        CLAIMED.bundle([replace(late, until="2023-09-17T11:00:04Z"), *rest])
    )
    with pytest.raises(AttributeError):
        verify(CLAIMED.bundle([replace(late, since=None), *rest]))
    older = CLAIMED.snapshot.replace("regulars draw 3", "regulars draw 2", 1)
    assert "malformed" in refused(bundle(older, SEED, BEACON, rest))


def test_every_flipped_bit_is_detected() -> None:
    for draw in (CLAIMED, GIVEN_UP):
        first, second, third, *_ = draw.drawn()
        picks = [draw.won(1, first), draw.skipped(2, second), draw.won(3, third)]
        raw = draw.bundle(picks if draw.beacon else None)
        for place in range(8 * len(raw)):
            changed = bytearray(raw)
            changed[place // 8] ^= 1 << place % 8
            with pytest.raises(Exception):  # noqa: B017, PT011  whatever it is, it is not taken
                verify(bytes(changed))


@pytest.mark.parametrize("cut", [1, 100, 2000])
def test_truncated_or_extended_bundle_is_rejected(cut: int) -> None:
    raw = FIVE.bundle()
    for changed in (raw[:-cut], raw[cut:], raw + b" " * cut, raw + raw, b""):
        with pytest.raises(ValueError):  # noqa: PT011
            verify(changed)


def refused(raw: bytes) -> str:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        verify(raw)
    return str(error.value)


def test_wrong_winner_is_detected() -> None:
    first, second, third, *_ = FIVE.drawn()
    assert "by the rule, winner 1" in refused(FIVE.bundle([FIVE.won(1, third), FIVE.won(2, first)]))
    assert "by the rule, winner 2" in refused(FIVE.bundle([FIVE.won(1, first), FIVE.won(2, third)]))
    assert "too few" in refused(FIVE.bundle([FIVE.won(1, first)]))
    three = [FIVE.won(k, who) for k, who in enumerate((first, second, third), 1)]
    assert "too many winners" in refused(FIVE.bundle(three))


def test_line_cannot_be_reassigned_to_another_account() -> None:
    first, second, *_ = FIVE.drawn()
    friend = replace(FIVE.won(1, first), account="kick:99")
    assert "replaced by another" in refused(FIVE.bundle([friend, FIVE.won(2, second)]))


def test_skipping_requires_a_known_reason() -> None:
    first, second, third, *_ = FIVE.drawn()
    rest = [FIVE.won(2, second), FIVE.won(3, third)]
    moody = Pick(1, FIVE.won(1, first).pseudonym, "skipped", "disliked")  # type: ignore[arg-type]
    assert "why" in refused(FIVE.bundle([moody, *rest]))
    silent = Pick(1, FIVE.won(1, first).pseudonym, "skipped")
    assert "the result" in refused(FIVE.bundle([silent, *rest]))
    both = replace(FIVE.won(1, first), reason="banned")
    assert "the result" in refused(FIVE.bundle([both, *rest]))


@pytest.mark.parametrize("result", ["won", "waiting", "expired"])
def test_winner_can_be_forgotten_at_any_time(result: Any) -> None:
    first, second, *_ = FIVE.drawn()
    gone = replace(FIVE.won(1, first), account=None, secret=None, result=result)
    following = [FIVE.won(3, FIVE.drawn()[2])] if result == "expired" else []
    said: list[str] = []
    verify(FIVE.bundle([gone, FIVE.won(2, second), *following]), said.append)
    assert [line.rsplit("(", 1)[1] for line in said if line.startswith("5.")][:2] == [
        "the account is not shown)",
        f"{second})",
    ]
    nobodys = replace(gone, claimant=None)
    assert "who may claim" in refused(FIVE.bundle([nobodys, FIVE.won(2, second), *following]))


# -- when the beacon's round was published -------------------------------------------------------


def frozen(at: datetime, **terms: Any) -> bytes:
    return Draw(FIVE.tickets, replace(TERMS, frozen_at=at, **terms)).bundle()


def test_round_published_before_the_freeze_is_rejected() -> None:
    """A genuine round of 2023 for a freeze in 2026, as with a shifted genesis."""
    assert "not 300 seconds after the freeze" in refused(frozen(datetime(2026, 12, 1, tzinfo=UTC)))
    second = timedelta(seconds=1)
    assert "not 300 seconds" in refused(frozen(TERMS.frozen_at + second))
    verify(frozen(TERMS.frozen_at - second))
    assert "the rule requires round 657412" in refused(frozen(TERMS.frozen_at - 3 * second))


def test_planned_freeze_uses_the_announced_round() -> None:
    planned = Plan(datetime(2023, 9, 15, 10, 54, 1, tzinfo=UTC), TERMS.chain or "", 657413)
    said: list[str] = []
    verify(frozen(planned.freeze_at, announced=planned), said.append)
    assert any("the announced one" in line for line in said)
    verify(frozen(planned.freeze_at + timedelta(seconds=60), announced=planned))
    early = planned.freeze_at - timedelta(seconds=1)
    assert "the rule requires round 657392" in refused(frozen(early, announced=planned))
    other = replace(planned, round=657414)
    assert "the rule requires round 657414" in refused(frozen(TERMS.frozen_at, announced=other))
    foreign = replace(other, chain="other:" + planned.chain)
    verify(frozen(TERMS.frozen_at, announced=foreign))
    verify(frozen(TERMS.frozen_at, announced=None))
    assert "ANNOUNCED WAS 657332" in said_of(FIVE.bundle())


def said_of(raw: bytes) -> str:
    said: list[str] = []
    verify(raw, said.append)
    return "\n".join(said)


def test_changed_seed_list_or_round_is_detected() -> None:
    seed = bytes(reversed(SEED))
    assert "seed" in refused(Draw(FIVE.tickets, seed=seed).bundle())
    other = Draw({**FIVE.tickets, "kick:16": 1})
    swapped = twisted(FIVE.bundle(), snapshot=other.snapshot.split("\n")[:-1])
    assert "does not match its hash" in refused(swapped)
    later = replace(BEACON, number=BEACON.number + 1)
    assert "promised" in refused(Draw(FIVE.tickets, beacon=later).bundle())
    assert "promised" in refused(Draw(FIVE.tickets, WITHOUT.terms).bundle())


def test_unsorted_list_is_rejected() -> None:
    """A different order would be a different draw, so only one order is valid."""
    head, tail = FIVE.snapshot.split("\n")[:10], FIVE.snapshot.split("\n")[10:-1]
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


SEEN = (hash_of(FIVE.snapshot), TERMS.commitment)


def test_verifier_explains_each_step_and_unchecked_parts(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(FIVE.bundle())
    code, said = run(str(file), "--seen", *SEEN)
    assert code == 2
    assert [line[:2] for line in said.splitlines() if line[1:2] == "."] == [
        *("1.", "2.", "3.", "4.", "5.", "5.")
    ]
    assert "round 657413, published 2023-09-15 11:00:03" in said
    assert said.endswith("was not checked:\n- whether the number is the beacon's (--online)\n")
    claimant = FIVE.won(1, "kick:11").claimant or ""
    assert run(str(file), "--seen", *SEEN, claimant)[0] == 2
    assert run(str(file), "--seen", *SEEN, "0" * 16)[0] == 1


@pytest.mark.parametrize(
    ("draw", "code", "words"),
    [
        (WITHOUT, 2, "WITHOUT THE PUBLIC BEACON"),
        (GIVEN_UP, 1, "NOT AS PROMISED: a round was promised, but not used."),
        (FOREIGN, 2, "NOT THE PUBLIC ONE"),
    ],
    ids=["without", "given up", "other"],
)
def test_draw_without_public_beacon_is_not_verified(
    draw: Draw, code: int, words: str, tmp_path: Path
) -> None:
    """With their own beacon, or none, the owner could know the result."""
    file = tmp_path / "bundle.json"
    file.write_bytes(draw.bundle())
    ended, said = run(str(file), "--online", "--seen", hash_of(draw.snapshot), TERMS.commitment)
    assert ended == code
    assert words in said
    assert "All is as promised" not in said


ONLINE = """
import io, json, runpy, sys, urllib.request

_self, answers, *arguments = sys.argv
answers = json.loads(answers)

def answer(address, timeout):
    return io.BytesIO(json.dumps(answers[address]).encode())

urllib.request.urlopen = answer
sys.argv = ["verify_draw.py", *arguments]
runpy.run_path(FILE, run_name="__main__")
"""

INFO = {
    "public_key": QUICKNET.public_key,
    "period": 3,
    "genesis_time": 1692803367,
    "hash": QUICKNET.hash,
    "groupHash": "f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
    "schemeID": "bls-unchained-g1-rfc9380",
    "metadata": {"beaconID": "quicknet"},
}


def online(file: Path, info: dict[str, Any], signature: str, *arguments: str) -> tuple[int, str]:
    """Run it with a public beacon that answers this; its code and last line."""
    base = f"https://api.drand.sh/{QUICKNET.hash}"
    answers = {f"{base}/info": info, f"{base}/public/{BEACON.number}": {"signature": signature}}
    file.write_bytes(FIVE.bundle())
    script = ONLINE.replace("FILE", repr(str(FILE)))
    command = [sys.executable, "-I", "-c", script, json.dumps(answers), str(file), "--online"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()[-1]


def test_beacon_can_be_asked_online(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    seen = ("--seen", *SEEN)
    assert online(file, INFO, BEACON.signature, *seen) == (
        0,
        "All is as promised: this is the only possible result.",
    )
    assert online(file, INFO, BEACON.signature[::-1], *seen) == (
        1,
        "NOT AS PROMISED: the public beacon has a different number.",
    )
    for name, value in (("genesis_time", 1), ("period", 1), ("public_key", "00"), ("hash", "00")):
        assert online(file, {**INFO, name: value}, BEACON.signature, *seen) == (
            1,
            "NOT AS PROMISED: the beacon describes itself differently.",
        )


@pytest.mark.parametrize("seen", [(), SEEN[:1], SEEN[1:]], ids=["none", "list", "commitment"])
def test_verification_requires_both_published_hashes(tmp_path: Path, seen: tuple[str, ...]) -> None:
    arguments = ("--seen", *seen) if seen else ()
    code, last = online(tmp_path / "bundle.json", INFO, BEACON.signature, *arguments)
    assert code == 2
    assert last == "- whether both hashes are those posted in Discord (--seen)"


def test_exit_code_is_one_for_a_wrong_bundle(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(FIVE.bundle().replace(b"gaming", b"dining"))
    code, said = run(str(file))
    assert code == 1
    assert said.splitlines()[-1] == "NOT AS PROMISED: the list does not match its hash."
    file.write_bytes(FIVE.bundle())
    assert run(str(file), "--seen", "0" * 64)[0] == 1
    code, said = run(str(tmp_path / "nothing.json"))
    assert code == 2
    assert said.startswith("COULD NOT CHECK: ")


def test_verifier_is_short_and_uses_only_the_standard_library() -> None:
    source = FILE.read_text()
    assert len(source.splitlines()) < 240
    tree = ast.walk(ast.parse(source))
    names = {n.module or "" for n in tree if isinstance(n, ast.ImportFrom)}
    tree = ast.walk(ast.parse(source))
    names |= {alias.name for n in tree if isinstance(n, ast.Import) for alias in n.names}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
