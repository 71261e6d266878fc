"""Only exactly what Kick signed counts as genuine."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from hypothesis import assume, given
from hypothesis import strategies as st

from core.kick.deliveries import SignedRequest, load_key
from tests.kick.rig import new_key, pem_of, sign

ID = "01JZ9X3T5Y7Q2W4E6R8T0Y1U3I"
AT = "2026-05-01T12:00:00Z"
BODY = '{"content":"héllo 雪"}'.encode()

PRIVATE = new_key()
KEY = load_key(pem_of(PRIVATE))
SIGNATURE = sign(PRIVATE, ID, AT, BODY)


def is_genuine(
    signature: str, message_id: str = ID, timestamp: str = AT, body: bytes = BODY
) -> bool:
    return SignedRequest(message_id, timestamp, body, signature).is_signed_by(KEY)


def test_genuine_signature_is_accepted() -> None:
    assert is_genuine(SIGNATURE)


@pytest.mark.parametrize(
    ("message_id", "timestamp", "body"),
    [
        (ID[:-1] + "J", AT, BODY),
        (ID, "2026-05-01T12:00:01Z", BODY),
        (ID, AT, BODY + b" "),
        (ID, AT, BODY.replace(b":", b": ")),  # the same JSON, written again
        (ID, AT, b""),
        ("", AT, BODY),
        # The joints between the parts are where one could be shifted into the next.
        (f"{ID}.{AT}", "", BODY),
        (ID + ".", AT, BODY),
    ],
)
def test_altered_part_is_rejected(message_id: str, timestamp: str, body: bytes) -> None:
    assert not is_genuine(SIGNATURE, message_id, timestamp, body)


def test_signature_by_another_key_is_rejected() -> None:
    assert not is_genuine(sign(new_key(1), ID, AT, BODY))


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA512()])
def test_other_digest_is_rejected(digest: hashes.HashAlgorithm) -> None:
    raw = PRIVATE.sign(f"{ID}.{AT}.".encode() + BODY, padding.PKCS1v15(), digest)
    assert not is_genuine(base64.b64encode(raw).decode())


def test_other_padding_is_rejected() -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    raw = PRIVATE.sign(f"{ID}.{AT}.".encode() + BODY, pss, hashes.SHA256())
    assert not is_genuine(base64.b64encode(raw).decode())


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "=",
        "not base64!",
        "é" * 20,
        SIGNATURE[:-4],
        SIGNATURE + "AAAA",
        SIGNATURE[:40] + "\n" + SIGNATURE[40:],
        " " + SIGNATURE,
        SIGNATURE.replace("=", ""),
        base64.b64encode(bytes(256)).decode(),
        base64.b64encode(b"x" * 100_000).decode(),
    ],
)
def test_malformed_signature_is_rejected(signature: str) -> None:
    assert not is_genuine(signature)


@given(st.binary(max_size=300))
def test_any_signed_body_is_accepted(body: bytes) -> None:
    assert is_genuine(sign(PRIVATE, ID, AT, body), body=body)


@given(st.integers(0, 255), st.integers(1, 255))
def test_any_flipped_signature_bit_is_rejected(position: int, change: int) -> None:
    raw = bytearray(base64.b64decode(SIGNATURE))
    raw[position] ^= change
    assert not is_genuine(base64.b64encode(bytes(raw)).decode())


@given(st.text(max_size=40), st.text(max_size=40), st.binary(max_size=40), st.text(max_size=400))
def test_random_input_is_rejected_without_error(
    message_id: str, timestamp: str, body: bytes, signature: str
) -> None:
    # Headers arrive as Latin-1, so half a surrogate pair cannot be among them.
    assume(not any("\ud800" <= c <= "\udfff" for c in message_id + timestamp))
    assert not is_genuine(signature, message_id, timestamp, body)


def test_pem_key_is_loaded() -> None:
    assert load_key(pem_of(PRIVATE)) == PRIVATE.public_key()


@pytest.mark.parametrize("text", ["", "garbage", pem_of(PRIVATE)[:200]])
def test_invalid_pem_raises_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the library's
        load_key(text)


def test_non_rsa_key_is_rejected() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = other.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(ValueError, match="not an RSA key"):
        load_key(pem.decode())
