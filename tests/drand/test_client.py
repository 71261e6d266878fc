"""Getting rounds from the sandbox's beacon, with everything that can be wrong with it."""

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from core.drand.chain import QUICKNET
from core.drand.client import DrandClient, chain_of
from core.kit.errors import Outage, StartError
from core.kit.runtime.settings import read_settings
from sandbox.serve import Sandbox, on_thread
from tests.patience import PATIENCE
from tests.sandbox.kick_harness import KEY

Misbehave = Callable[..., None]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with on_thread(signing_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> DrandClient:
    return client_at(sandbox)


def client_at(sandbox: Sandbox, address: str | None = None) -> DrandClient:
    env = {name.lower(): value for name, value in sandbox.env.items() if name.startswith("DRAND")}
    return DrandClient(read_settings(**{**env, "drand_url": address or env["drand_url"]}))


@pytest.fixture
def misbehave(sandbox: Sandbox) -> Iterator[Misbehave]:
    """Set faults; everything is well again afterwards."""

    def set_faults(**faults: object) -> None:
        named = {name.replace("__", "."): value for name, value in faults.items()}
        requests.post(f"{sandbox.base_url}/control/faults", json=named, timeout=PATIENCE)

    yield set_faults
    requests.post(f"{sandbox.base_url}/control/faults/reset", timeout=PATIENCE)


def recent(client: DrandClient) -> int:
    return client.chain.first_round_after(datetime.now(UTC)) - 5


def test_round_is_verified(client: DrandClient) -> None:
    number = recent(client)
    found = client.get_round(number)
    assert found.number == number
    assert found.chain == f"other:{client.chain.hash}"
    assert found.randomness == hashlib.sha256(bytes.fromhex(found.signature)).hexdigest()
    assert client.get_round(found.number) == found


@pytest.mark.parametrize(
    "fault",
    [
        {"drand__down": True},
        {"drand__late_s": 60},
        {"drand__wrong_randomness": True},
        {"drand__wrong_signature": True},
        {"drand__forged": True},
    ],
    ids=lambda fault: next(iter(fault)),
)
def test_wrong_response_is_an_outage(
    client: DrandClient, misbehave: Misbehave, fault: dict[str, Any]
) -> None:
    number = recent(client)
    misbehave(**fault)
    with pytest.raises(Outage):
        client.get_round(number)
    misbehave(**{name: type(value)(0) for name, value in fault.items()})
    assert client.get_round(number).number == number


def test_future_round_is_an_outage(client: DrandClient) -> None:
    with pytest.raises(Outage, match="425"):
        client.get_round(recent(client) + 60)


def test_next_url_is_tried_after_a_failure(sandbox: Sandbox) -> None:
    nobody = "http://127.0.0.1:9"
    wrong = f"{sandbox.base_url}/drand/there/is/nothing"
    client = client_at(sandbox, f"{nobody}, {wrong}/,{sandbox.env['DRAND_URL']}")
    assert client.get_round(recent(client)).chain == client.chain.name
    with pytest.raises(Outage, match="ConnectionError; HTTP 404"):
        client_at(sandbox, f"{nobody},{wrong}").get_round(recent(client))


def test_sandbox_describes_its_chain(sandbox: Sandbox, client: DrandClient) -> None:
    base = sandbox.env["DRAND_URL"]
    assert requests.get(f"{base}/chains", timeout=PATIENCE).json() == [client.chain.hash]
    info = requests.get(f"{base}/{client.chain.hash}/info", timeout=PATIENCE).json()
    assert info["public_key"] == client.chain.public_key
    assert (info["genesis_time"], info["period"]) == (client.chain.genesis, client.chain.period)
    newest = requests.get(f"{base}/{client.chain.hash}/public/latest", timeout=PATIENCE).json()
    assert client.chain.made_at(newest["round"]).timestamp() <= time.time()
    assert requests.get(f"{base}/{client.chain.hash}/public/x", timeout=PATIENCE).status_code == 400


def test_quicknet_is_the_default() -> None:
    assert chain_of(read_settings(drand_chain=None)) == QUICKNET


@pytest.mark.parametrize(
    "text", ["quicknet", "ab:cd:1:3:300", f"{QUICKNET.hash}:{'0' * 192}:1:0:1"]
)
def test_invalid_chain_prevents_the_start(text: str) -> None:
    with pytest.raises(StartError, match="DRAND_CHAIN"):
        read_settings(drand_chain=text)
