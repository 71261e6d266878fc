"""Finding and replacing a person in what was written down."""

from core.kit.personal import Account, Subject, is_about, redacted

MADCATS = Subject(
    guild_id=1,
    discord_id=1_100_000_000_000_000_001,
    discord_names=("mia", "Mia 🐈"),
    accounts=(Account("kick", 42, 7, "MadCats"),),
)


def test_names_and_numbers_are_replaced_wherever_they_stand() -> None:
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


def test_an_amount_that_equals_an_id_is_left_alone() -> None:
    body = {"gift": {"amount": 42, "name": "Rage Quit"}, "paid": True, "place": 42}
    assert not is_about(body, MADCATS)
    assert redacted(body, MADCATS) == body


def test_who_never_linked_has_a_pseudonym_too() -> None:
    nobody = Subject(guild_id=1, discord_id=9, discord_names=("leo",))
    assert redacted({"who": "Leo", "user_id": 9}, nobody) == {"who": "forgotten", "user_id": 0}
    assert nobody.viewer_ids == ()


def test_an_empty_name_is_nobodys() -> None:
    nameless = Subject(guild_id=1, discord_id=9, discord_names=("",))
    assert not is_about({"who": ""}, nameless)
