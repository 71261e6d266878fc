"""Finding and replacing a person in stored data."""

from datetime import UTC, datetime

from core.kit.database.personal import Account, Subject, is_about, redacted, redacted_key

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

MADCATS = Subject(
    guild_id=1,
    discord_id=1_100_000_000_000_000_001,
    at=NOON,
    discord_names=("mia", "Mia 🐈"),
    accounts=(Account("kick", 42, 7, "MadCats"),),
)


def test_names_and_ids_are_redacted_everywhere() -> None:
    body = {
        "sender": {"user_id": 42, "username": "madcats", "badges": ["vip"]},
        "by": ["MadCats", "Tomas"],
        "asked_by": 1_100_000_000_000_000_001,
        "discord": "1100000000000000001",
        "at": None,
    }
    assert is_about(body, MADCATS)
    assert redacted(body, MADCATS) == {
        "sender": {"user_id": 0, "username": "forgotten-7", "badges": ["vip"]},
        "by": ["forgotten-7", "Tomas"],
        "asked_by": 0,
        "discord": "forgotten-7",
        "at": None,
    }
    assert not is_about(redacted(body, MADCATS), MADCATS)


def test_amount_equal_to_an_id_is_kept() -> None:
    body = {"gift": {"amount": 42, "name": "Rage Quit"}, "paid": True, "place": 42}
    assert not is_about(body, MADCATS)
    assert redacted(body, MADCATS) == body


def test_member_without_link_gets_a_pseudonym() -> None:
    nobody = Subject(guild_id=1, discord_id=9, at=NOON, discord_names=("leo",))
    assert redacted({"who": "Leo", "user_id": 9}, nobody) == {"who": "forgotten", "user_id": 0}
    assert nobody.viewer_ids == ()


def test_empty_name_matches_no_viewer() -> None:
    nameless = Subject(guild_id=1, discord_id=9, at=NOON, discord_names=("",))
    assert not is_about({"who": ""}, nameless)


def test_source_keys_are_redacted_part_by_part() -> None:
    assert redacted_key("42|4200|2026-05-01T12:42:00Z", MADCATS) == (
        "forgotten-7|4200|2026-05-01T12:42:00Z".replace(":42:", ":forgotten-7:")
    )
    assert redacted_key("roles.hello:1100000000000000001", MADCATS) == "roles.hello:forgotten-7"
    assert redacted_key("madcats|sam", MADCATS) == "forgotten-7|sam"


def test_viewer_named_like_a_keyword_does_not_redact_keywords() -> None:
    called_kick = Subject(guild_id=1, discord_id=9, at=NOON, discord_names=("Kick", "done"))
    body = {"platform": "kick", "state": "done", "viewer": "kick"}
    assert redacted(body, called_kick) == body | {"viewer": "forgotten"}


def test_names_are_matched_in_slug_form() -> None:
    subject = Subject(guild_id=1, discord_id=9, at=NOON, accounts=(Account("kick", 5, 8, "A_B"),))
    assert redacted({"channel_slug": "a-b"}, subject) == {"channel_slug": "forgotten-8"}
