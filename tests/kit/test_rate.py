"""Rate limits, with and without Redis."""

import pytest
from limits import RateLimitItemPerMinute

from core.kit.runtime.rate import RateLimit, network_of
from core.kit.runtime.settings import Settings

TWICE = RateLimitItemPerMinute(2)


@pytest.mark.parametrize("redis_url", [None, "redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock"])
def test_rate_limits_are_per_key_with_and_without_redis(redis_url: str | None) -> None:
    rate = RateLimit(Settings(_env_file=None, redis_url=redis_url))
    assert [rate.allows(TWICE, "page", "mia") for _time in range(3)] == [True, True, False]
    assert rate.allows(TWICE, "page", "leo")
    assert rate.allows(TWICE, "other page", "mia")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("not an address", "unknown"),
        (None, "unknown"),
    ],
)
def test_one_network_counts_as_one_client(address: str | None, network: str) -> None:
    assert network_of(address) == network
