"""Finding viewers by name."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.people import store
from core.people.exclusions.actions import exclude_viewer
from core.people.lookup import (
    LINKED,
    NobodyFound,
    SeveralPeople,
    find_by_name,
    find_people,
    find_person,
    search,
)
from core.people.names import all_names, public_names

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def work(tx: Connection, guild_id: int) -> Work:
    return Work(tx, guild_id, now=NOON)


def seen(
    work: Work, platform: str, user_id: int, name: str, login: str = "", *, minutes: int = 0
) -> int:
    at = NOON + timedelta(minutes=minutes)
    return store.set_viewer(work.tx, work.guild_id, platform, user_id, name, at, login)


def link(work: Work, member: int, platform: str, viewer_id: int, handle: str = "") -> None:
    store.add_link(work.tx, work.guild_id, member, platform, viewer_id, NOON, handle)


@pytest.mark.parametrize(
    "typed",
    ["雪Yuki", "yuki_x", "@YUKI_X", "twitch:yuki_x", "Twitch:@雪yuki", "#75", "twitch:#75", "75"],
)
def test_login_name_and_id_find_the_account(work: Work, typed: str) -> None:
    yuki = seen(work, "twitch", 75, "雪Yuki", "yuki_x")
    assert find_person(work, typed).viewer_id == yuki
    with pytest.raises(NobodyFound):
        find_person(work, typed.replace("75", "76") + "z")


def test_a_login_outlives_events_that_leave_it_out(work: Work) -> None:
    yuki = seen(work, "twitch", 75, "雪Yuki", "yuki_x")
    seen(work, "twitch", 75, "雪雪", minutes=1)
    assert find_person(work, "yuki_x").viewer_id == yuki
    assert find_person(work, "雪Yuki").viewer_id == yuki, "a former name"


def test_former_names_are_found_and_marked_until_somebody_else_has_them(work: Work) -> None:
    mia = seen(work, "kick", 1, "MadCats", "madcats")
    seen(work, "kick", 1, "WildCats", "wildcats", minutes=1)
    tom = seen(work, "twitch", 2, "MadCats2")
    seen(work, "twitch", 2, "Tom", minutes=1)
    assert find_person(work, "madcats").viewer_id == mia
    assert [viewer.viewer_id for viewer, _link in search(work, "MadCats")] == [tom, mia]
    seen(work, "twitch", 2, "MadCats", minutes=2)
    assert find_person(work, "MadCats").viewer_id == tom
    assert find_person(work, "kick:MadCats").viewer_id == mia
    seen(work, "twitch", 2, "Tom", minutes=3)
    with pytest.raises(SeveralPeople) as asked:
        find_person(work, "MadCats")
    assert [label for _send, label in asked.value.choices] == [
        "Tom (Twitch), once MadCats",
        "WildCats (Kick), once MadCats",
    ]


def test_two_people_with_one_name_are_asked_about(work: Work) -> None:
    kick, twitch = seen(work, "kick", 1, "MadCats"), seen(work, "twitch", 2, "MADcats", "madcats")
    with pytest.raises(SeveralPeople, match="on Kick and another one on Twitch") as asked:
        find_person(work, "@madcats")
    found = {find_person(work, send).viewer_id for send, _label in asked.value.choices}
    assert found == {kick, twitch}
    assert find_person(work, "madcats", platform="twitch").viewer_id == twitch
    assert find_person(work, "madcats", platform="kick").viewer_id == kick
    link(work, 5, "twitch", twitch)
    assert find_person(work, "madcats", meant=LINKED).viewer_id == twitch
    link(work, 5, "kick", kick)
    assert find_person(work, "madcats").person_id == min(kick, twitch), "one person"


def test_whoever_can_only_be_meant_counts_with_any_of_their_accounts(work: Work) -> None:
    kick, twitch = seen(work, "kick", 1, "MadCats"), seen(work, "twitch", 2, "MadCats")
    other = seen(work, "kick", 3, "MiaOnKick")
    link(work, 5, "twitch", twitch)
    link(work, 5, "kick", other)
    assert (
        find_person(work, "MadCats", meant=lambda _w, ids: {other} & set(ids)).viewer_id == twitch
    )
    assert find_person(work, "MadCats", meant=lambda _w, ids: {kick} & set(ids)).viewer_id == kick
    with pytest.raises(SeveralPeople):
        find_person(work, "MadCats", meant=lambda _w, _ids: ())
    with pytest.raises(SeveralPeople):
        find_person(work, "MadCats", meant=lambda _w, ids: ids)


def test_names_in_other_alphabets_are_not_unique(work: Work) -> None:
    first = seen(work, "twitch", 1, "雪", "yuki_one")
    second = seen(work, "twitch", 2, "雪", "yuki_two", minutes=1)
    with pytest.raises(SeveralPeople) as asked:
        find_person(work, "雪")
    assert {find_person(work, send).viewer_id for send, _l in asked.value.choices} == {
        first,
        second,
    }
    named = seen(work, "twitch", 3, "Yuki_One2", "yuki_one2")
    assert find_person(work, "yuki_one2").viewer_id == named


def test_a_reused_name_means_who_has_it_now(work: Work) -> None:
    seen(work, "kick", 1, "MadCats", "madcats")
    newer = seen(work, "kick", 2, "MadCats", "madcats", minutes=5)
    assert find_person(work, "MadCats").viewer_id == newer


def test_discord_names_ids_and_mentions_find_the_member(work: Work) -> None:
    mia = seen(work, "kick", 1, "MadCats")
    member = 1100000000000000003
    link(work, member, "kick", mia, "Mia.The.Cat")
    for typed in ("@mia.the.cat", f"<@{member}>", f"<@!{member}>", str(member)):
        assert find_person(work, typed).viewer_id == mia
    chatter = seen(work, "twitch", 9, "mia.the.cat")
    assert find_person(work, "mia.the.cat").viewer_id == chatter, "names in chat go first"
    with pytest.raises(Refusal, match="has not linked"):
        find_person(work, "<@1100000000000000004>")


def test_many_names_at_once_mean_the_same(work: Work) -> None:
    kick, _twitch = seen(work, "kick", 1, "MadCats"), seen(work, "twitch", 2, "MadCats")
    yuki = seen(work, "twitch", 75, "雪Yuki", "yuki_x")
    seen(work, "kick", 4, "Old")
    renamed = seen(work, "kick", 4, "New", minutes=1)
    asked = ["@MadCats", "kick:madcats", "YUKI_X", "Old", "nobody"]
    people, several = find_people(work, asked)
    assert {name: person.viewer_id for name, person in people.items()} == {
        "kick:madcats": kick,
        "YUKI_X": yuki,
        "Old": renamed,
    }
    assert list(several) == ["@MadCats"]
    people, several = find_people(work, asked, platform="kick")
    assert people["@MadCats"].viewer_id == kick
    assert not several


def test_another_server_knows_nobody(work: Work, other_guild_id: int) -> None:
    seen(work, "kick", 1, "MadCats", "madcats")
    seen(work, "kick", 1, "Now", minutes=1)
    for name in ("MadCats", "Now", "kick:#1"):
        with pytest.raises(NobodyFound):
            find_person(Work(work.tx, other_guild_id, now=NOON), name)
    assert find_by_name(work.tx, other_guild_id, "madcats") is None


def test_a_board_says_the_platform_where_a_name_occurs_twice(work: Work) -> None:
    kick, twitch = seen(work, "kick", 1, "MadCats"), seen(work, "twitch", 2, "madcats")
    tom = seen(work, "kick", 3, "Tom")
    names = public_names(work, [kick, twitch, tom, None])
    assert dict(names) == {kick: "MadCats (Kick)", twitch: "madcats (Twitch)", tom: "Tom"}
    assert public_names(work, [kick, tom])[kick] == "MadCats"
    assert (names[None], names[999_999]) == ("", "Deleted viewer")
    exclude_viewer(work, twitch, "everything")
    hidden = public_names(work, [kick, twitch])
    assert (hidden[kick], hidden[twitch]) == ("MadCats", "Hidden viewer")
    assert all_names(work, [twitch])[twitch] == "madcats", "admins see names"
