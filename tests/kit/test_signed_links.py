"""Signed links that expire."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.oauth.signed_links import LinkBroken, LinkExpired, PersonalLink, SignedLinks
from tests.kick.rig import settings

KEY = "a-key-for-tests-only"
SETTINGS = settings(flask_secret_key=KEY)
LINKS = SignedLinks("tests", "/l", timedelta(minutes=15))

LINK = PersonalLink("link", 12, 34)

links = st.builds(
    PersonalLink,
    st.text("abcXYZ0189-_", min_size=1, max_size=24),
    st.integers(1, 2**63 - 1),
    st.integers(1, 2**63 - 1),
)


def now() -> datetime:
    return datetime.now(UTC)


def token(link: PersonalLink = LINK) -> str:
    return LINKS.make(SETTINGS, link).removeprefix(f"{SETTINGS.public_url}/l/")


@given(links)
def test_signed_link_reads_back_as_written(link: PersonalLink) -> None:
    assert LINKS.read(SETTINGS, token(link), now()) == link


@given(st.integers(0, 200), st.sampled_from("abcXYZ019-_.~"))
def test_altered_link_is_rejected(place: int, letter: str) -> None:
    made = token()
    place %= len(made) - 1  # the last letter has two bits to spare, which say nothing
    changed = made[:place] + letter + made[place + 1 :]
    if changed != made:
        with pytest.raises(LinkBroken):
            LINKS.read(SETTINGS, changed, now())


@given(st.text(max_size=60))
def test_malformed_link_is_rejected(text: str) -> None:
    with pytest.raises(LinkBroken):
        LINKS.read(SETTINGS, text, now())


def test_expired_link_still_carries_its_data() -> None:
    made = token()
    assert LINKS.read(SETTINGS, made, now() + timedelta(minutes=14)) == LINK
    with pytest.raises(LinkExpired) as expired:
        LINKS.read(SETTINGS, made, now() + timedelta(minutes=15, seconds=2))
    assert expired.value.link == LINK


def test_link_signed_in_the_future_is_expired() -> None:
    """The clock was an hour ahead when it was signed, and was put right since."""
    made = token()
    assert LINKS.read(SETTINGS, made, now() - timedelta(seconds=50)) == LINK
    with pytest.raises(LinkExpired):
        LINKS.read(SETTINGS, made, now() - timedelta(hours=1))


def test_link_of_another_kind_or_installation_is_rejected() -> None:
    made = token()
    with pytest.raises(LinkBroken):
        SignedLinks("others", "/l", timedelta(minutes=15)).read(SETTINGS, made, now())
    with pytest.raises(LinkBroken):
        LINKS.read(settings(flask_secret_key="another-key-for-tests"), made, now())


def test_signature_is_hmac_sha256() -> None:
    signed, signature = token().rsplit(".", 1)
    key = hmac.digest(KEY.encode(), b"tests", hashlib.sha256)
    wanted = hmac.digest(key, signed.encode(), hashlib.sha256)
    assert signature == base64.urlsafe_b64encode(wanted).rstrip(b"=").decode()
