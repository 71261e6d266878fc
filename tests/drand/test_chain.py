"""The beacon's arithmetic, compared with published rounds."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.drand.chain import QUICKNET, BeaconWrong, Round, parse_chain

# https://docs.drand.love/developer/http-api and https://pypi.org/project/drand-verify
ROUND_42 = (
    "95a9f9f5b231b7714de1553105d8ffdf3dcda24cfdb1e689319bccf79a9c8ce4"
    "30a91b811fbfaf763900bc998b5d686a"
)
ROUND_657413 = (
    "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be"
    "41076862b98fad56e91a6b85b89cd97b"
)


def test_published_round_is_valid() -> None:
    Round.signed(QUICKNET, 42, ROUND_42)
    assert Round.signed(QUICKNET, 657413, ROUND_657413).randomness == (
        "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587"
    )


@pytest.mark.parametrize(
    ("number", "signature"),
    [
        (43, ROUND_42),
        (657413, ROUND_42),
        (42, ROUND_42[:-1] + "b"),
        (42, ROUND_42[:-2]),
        (42, ROUND_42 + "00"),
        (42, ROUND_42.upper()),
        (42, ROUND_42[:48] + " " + ROUND_42[48:]),
        (42, "c0" + "00" * 47),  # the point at infinity
        (42, "no hex"),
        (42, ""),
    ],
)
def test_wrong_signature_is_rejected(number: int, signature: str) -> None:
    with pytest.raises(BeaconWrong):
        Round.signed(QUICKNET, number, signature)


def test_quicknet_rounds_match_their_published_times() -> None:
    assert QUICKNET.made_at(1) == datetime(2023, 8, 23, 15, 9, 27, tzinfo=UTC)
    assert QUICKNET.made_at(27946612) == datetime(2026, 4, 20, tzinfo=UTC)
    assert QUICKNET.first_round_after(datetime(2026, 4, 20, tzinfo=UTC)) == 27946612


def test_chain_is_parsed() -> None:
    written = f"{QUICKNET.hash}:{QUICKNET.public_key}:1692803367:3:300"
    assert parse_chain(written) == QUICKNET


def test_only_quicknet_is_public() -> None:
    assert QUICKNET.is_public
    assert QUICKNET.name == QUICKNET.hash
    written = f"{QUICKNET.hash}:{QUICKNET.public_key}:1692803367:3:300"
    assert parse_chain(written).is_public


@pytest.mark.parametrize(
    "change",
    [{"public_key": "83" * 96}, {"genesis": 1692803366}, {"period": 4}, {"ahead": 0}, {"hash": ""}],
    ids=lambda change: next(iter(change)),
)
def test_chain_differing_in_one_value_is_not_public(change: dict[str, Any]) -> None:
    chain = replace(QUICKNET, **change)
    assert not chain.is_public
    assert chain.name == f"other:{chain.hash}"
