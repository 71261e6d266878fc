"""Linking, verifying, unlinking: one to one, and what is in the way says so."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, select

from core.guilds.actions import change_setting
from core.guilds.records import AuditEntry
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database import Database
from core.kit.errors import Refusal
from core.people import store as people
from core.wagers import actions, polls, store, verifying
from core.wagers.polls import Poll
from core.wagers.status import check_health, get_status
from tests.clean import cleaned
from tests.wagers.scene import (
    ADMIN,
    LEO,
    MIA,
    SHUFFLE,
    at,
    code,
    heard,
    link,
    member,
    mia,
    poll,
    posted,
    told,
    verify,
)

DAY = 24 * 60


def unlink(
    tx: Connection, guild_id: int, actor: int, person: str | None = None, minutes: float = 0
) -> None:
    actions.unlink(tx, guild_id, actor, person, SHUFFLE, at(minutes))


def audited(tx: Connection, guild_id: int) -> list[tuple[str, int]]:
    found = tx.execute(
        select(AuditEntry.action, AuditEntry.actor)
        .where(AuditEntry.guild_id == guild_id, AuditEntry.action.like("wagers.%"))
        .order_by(AuditEntry.id)
    )
    return [(row.action, row.actor) for row in found if row.action != "wagers.shuffle_code"]


# -- linking --------------------------------------------------------------------------------------


def test_who_has_linked_kick_can_link(tx: Connection, guild_id: int) -> None:
    change_setting(tx, guild_id, ADMIN_CHANNEL, 55, ADMIN)
    viewer_id = member(tx, guild_id, MIA)
    account = link(tx, guild_id, MIA, " @MiaSpins ")
    assert (account.viewer_id, account.username, account.verified_at) == (
        viewer_id,
        "MiaSpins",
        None,
    )
    assert link(tx, guild_id, MIA, "miaSPINS") == account
    (note,) = posted(tx, guild_id, "wagers.linked")
    assert (note["username"], note["discord_id"]) == ("MiaSpins", MIA)


def test_without_kick_there_is_nothing_to_hang_it_on(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal, match="Link your Kick account first"):
        link(tx, guild_id, MIA, "MiaSpins")


@pytest.mark.parametrize("name", ["", "two words", "🎰" * 500])
def test_what_is_no_name_is_refused(tx: Connection, guild_id: int, name: str) -> None:
    member(tx, guild_id, MIA)
    with pytest.raises(Refusal, match="cannot be a username"):
        link(tx, guild_id, MIA, name)


def test_one_to_one(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    member(tx, guild_id, MIA)
    member(tx, guild_id, LEO)
    member(tx, other_guild_id, LEO)
    link(tx, guild_id, MIA, "MiaSpins")
    with pytest.raises(Refusal, match="Another Shuffle account is linked with you"):
        link(tx, guild_id, MIA, "other")
    with pytest.raises(Refusal, match="Somebody else has linked"):
        link(tx, guild_id, LEO, "MIASPINS")
    assert link(tx, other_guild_id, LEO, "MIASPINS").discord_id == LEO


def test_two_members_at_once_get_one_account(database: Database, guild_id: int) -> None:
    with cleaned(database):
        with database.begin() as tx:
            for discord_id in range(20, 26):
                member(tx, guild_id, discord_id)

        def claim(discord_id: int) -> bool:
            try:
                with database.begin() as tx:
                    link(tx, guild_id, discord_id, "Same")
            except Refusal:
                return False
            return True

        with ThreadPoolExecutor(6) as all_at_once:
            assert sum(all_at_once.map(claim, range(20, 26))) == 1


def test_a_day_passes_between_two_accounts(tx: Connection, guild_id: int) -> None:
    member(tx, guild_id, MIA)
    link(tx, guild_id, MIA, "MiaSpins")
    unlink(tx, guild_id, MIA, minutes=5)
    for name in ("MiaSpins", "other"):
        with pytest.raises(Refusal, match="not long ago") as refused:
            link(tx, guild_id, MIA, name, 4 + DAY)
        again = int(at(5 + DAY).timestamp()) + 1
        assert f"<t:{again}:R>" in refused.value.remedy
    assert link(tx, guild_id, MIA, "other", 5 + DAY).username == "other"


def test_another_kick_account_is_no_way_around_the_day(tx: Connection, guild_id: int) -> None:
    member(tx, guild_id, MIA)
    link(tx, guild_id, MIA, "MiaSpins")
    unlink(tx, guild_id, MIA)
    before = people.find_link(tx, guild_id, MIA)
    assert before is not None
    people.end_link(tx, before)
    second = people.set_viewer(tx, guild_id, "kick", 777, "MiaTwo", at(0))
    people.add_link(tx, guild_id, MIA, "kick", second, at(1))
    with pytest.raises(Refusal, match="not long ago"):
        link(tx, guild_id, MIA, "other", 2)


def test_a_verified_account_does_not_hop_to_somebody_else(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id)
    member(tx, guild_id, LEO)
    unlink(tx, guild_id, MIA, minutes=5)
    with pytest.raises(Refusal, match="not long ago"):
        link(tx, guild_id, LEO, "MiaSpins", 6)


def test_what_an_admin_unlinks_may_be_linked_at_once(tx: Connection, guild_id: int) -> None:
    """It puts a mistake right."""
    member(tx, guild_id, MIA)
    link(tx, guild_id, MIA, "MiaSpisn")
    unlink(tx, guild_id, ADMIN, f"<@{MIA}>", minutes=5)
    assert link(tx, guild_id, MIA, "MiaSpins", 6).username == "MiaSpins"
    assert audited(tx, guild_id) == [("wagers.unlink", ADMIN)]


def test_nothing_linked_is_nothing_to_unlink(tx: Connection, guild_id: int) -> None:
    member(tx, guild_id, MIA)
    with pytest.raises(Refusal, match="No Shuffle account is linked"):
        unlink(tx, guild_id, MIA)


# -- verifying ------------------------------------------------------------------------------------


def test_verifying_sets_the_start(tx: Connection, guild_id: int) -> None:
    member(tx, guild_id, MIA)
    code(tx, guild_id)
    link(tx, guild_id, MIA, "MiaSpins")
    done = verify(tx, guild_id, MIA, told(3, MiaSpins="1250.5"))
    assert done.anew
    assert (done.account.verified_at, done.account.seen_at) == (at(3), at(3))
    assert str(done.account.total) == "1250.5"
    assert audited(tx, guild_id) == [("wagers.verify", ADMIN)]
    (word,) = posted(tx, guild_id, "wagers.verified")
    assert word["server"] == "Nora's Corner"


def test_a_second_click_moves_no_start(tx: Connection, guild_id: int) -> None:
    """Else what was wagered since the last look would be lost."""
    mia(tx, guild_id)
    done = verify(tx, guild_id, MIA, told(3, MiaSpins="1100"))
    assert not done.anew
    poll(tx, guild_id, 5, MiaSpins="1100")
    assert heard(tx, guild_id) == ["100"]
    assert len(posted(tx, guild_id, "wagers.verified")) == 1


def test_an_older_answer_that_comes_after_the_verification_counts_nothing(
    tx: Connection, guild_id: int
) -> None:
    member(tx, guild_id, MIA)
    code(tx, guild_id)
    verify(tx, guild_id, MIA, told(3, MiaSpins="1000"), "MiaSpins")
    poll(tx, guild_id, 2, MiaSpins="900")
    poll(tx, guild_id, 4, MiaSpins="1000")
    assert heard(tx, guild_id) == []


@pytest.mark.parametrize("campaign", ["OTHER", ""])
def test_only_accounts_under_the_servers_code(tx: Connection, guild_id: int, campaign: str) -> None:
    member(tx, guild_id, MIA)
    code(tx, guild_id)
    with pytest.raises(Refusal, match="knows no MiaSpins under your campaign code NORA"):
        verify(tx, guild_id, MIA, told(0, campaign, MiaSpins="1000"), "MiaSpins")
    assert store.list_accounts(tx, guild_id) == []


def test_what_is_missing_is_said_before_anybody_is_asked(tx: Connection, guild_id: int) -> None:
    def candidate(person: str, name: str | None = None) -> None:
        verifying.get_candidate(tx, guild_id, person, SHUFFLE, name)

    member(tx, guild_id, MIA)
    people.set_viewer(tx, guild_id, "kick", 31, "loner", at(0))
    with pytest.raises(Refusal, match="linked with nobody"):
        candidate("loner", "x")
    with pytest.raises(Refusal, match="has not linked a Shuffle account"):
        candidate("viewer7")
    with pytest.raises(Refusal, match="no campaign code") as refused:
        candidate("viewer7", "x")
    assert "`wagers.shuffle_code`" in refused.value.remedy
    code(tx, guild_id)
    candidate("viewer7", "x")


def test_an_admins_word_is_above_a_claim(tx: Connection, guild_id: int) -> None:
    """Somebody has claimed Mia's name, and Mia has mistyped hers."""
    member(tx, guild_id, MIA)
    member(tx, guild_id, LEO)
    code(tx, guild_id)
    link(tx, guild_id, LEO, "MiaSpins")
    link(tx, guild_id, MIA, "MiaSpisn")
    done = verify(tx, guild_id, MIA, told(0, MiaSpins="5"), "MiaSpins")
    assert [account.username for account in store.list_accounts(tx, guild_id)] == ["MiaSpins"]
    assert done.account.owner == MIA
    assert link(tx, guild_id, LEO, "leo_77", 1).username == "leo_77"


def test_a_claim_that_is_refused_ends_no_other_claim(tx: Connection, guild_id: int) -> None:
    member(tx, guild_id, MIA)
    member(tx, guild_id, LEO)
    code(tx, guild_id)
    link(tx, guild_id, LEO, "MiaSpins")
    with pytest.raises(Refusal), tx.begin_nested():
        verify(tx, guild_id, MIA, told(0, leo_77="5"), "MiaSpins")
    assert [account.discord_id for account in store.list_accounts(tx, guild_id)] == [LEO]


def test_what_is_verified_gives_way_to_nobody(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id)
    member(tx, guild_id, LEO)
    with pytest.raises(Refusal, match="verified for viewer7"):
        verify(tx, guild_id, LEO, told(1, MiaSpins="5"), "MIASPINS")
    with pytest.raises(Refusal, match="has the account MiaSpins verified"):
        verify(tx, guild_id, MIA, told(1, other="5"), "other")


def test_whoever_is_unlinked_from_kick_meanwhile_is_not_verified(
    tx: Connection, guild_id: int
) -> None:
    member(tx, guild_id, MIA)
    code(tx, guild_id)
    found = verifying.get_candidate(tx, guild_id, f"<@{MIA}>", SHUFFLE, "MiaSpins")
    people.end_link(tx, found.own)
    with pytest.raises(Refusal, match="has just changed"):
        verifying.verify(tx, guild_id, found, told(0, MiaSpins="5"), ADMIN, at(0))


def test_after_unlinking_nothing_counts_and_the_past_stays(tx: Connection, guild_id: int) -> None:
    viewer_id = mia(tx, guild_id)
    poll(tx, guild_id, 5, MiaSpins="1010")
    unlink(tx, guild_id, MIA, minutes=6)
    poll(tx, guild_id, 7, MiaSpins="1500")
    assert store.wagered_between(tx, guild_id, viewer_id, at(0), at(60)) == 10
    verify(tx, guild_id, MIA, told(8, MiaSpins="1600"), "MiaSpins")
    poll(tx, guild_id, 9, MiaSpins="1601")
    assert heard(tx, guild_id) == ["10", "1"]


def test_a_new_name_on_kick_changes_nothing(tx: Connection, guild_id: int) -> None:
    viewer_id = mia(tx, guild_id)
    people.set_viewer(tx, guild_id, "kick", MIA, "NewName", at(2))
    poll(tx, guild_id, 5, MiaSpins="1010")
    assert store.wagered_between(tx, guild_id, viewer_id, at(0), at(60)) == 10


# -- how it is ------------------------------------------------------------------------------------


def test_the_status_says_who_waits_and_who_is_missing(tx: Connection, guild_id: int) -> None:
    mia(tx, guild_id)
    member(tx, guild_id, LEO)
    link(tx, guild_id, LEO, "leo_77")
    polls.post_poll(tx, Poll(SHUFFLE, at(5), "ok", "", 3, 0, 0, at(10)))
    polls.post_poll(tx, Poll(SHUFFLE, at(10), "failed", "HTTP 503", 0, 0, 0, at(15)))
    now = get_status(tx, guild_id, SHUFFLE, at(11))
    assert now.code == "NORA"
    assert [one.username for one in now.accounts] == ["MiaSpins", "leo_77"]
    assert [one.username for one in now.missing] == ["MiaSpins"]
    assert [poll.reason for poll in now.troubles] == ["HTTP 503"]
    assert now.last is not None
    assert now.last.asked_at == at(5)


def test_the_health_page_says_when_nothing_is_counted(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    def part(minutes: float) -> tuple[str, str]:
        (found,) = check_health(tx, at(minutes))
        assert found.guild_id == guild_id
        return found.state, found.reason

    assert check_health(tx, at(0)) == []
    mia(tx, guild_id)
    assert part(0)[0] == "warn"
    polls.post_poll(tx, Poll(SHUFFLE, at(5), "ok", "", 3, 0, 0, at(10)))
    assert part(6) == ("ok", "3 accounts received.")
    polls.post_poll(tx, Poll(SHUFFLE, at(10), "failed", "HTTP 503", 0, 0, 0, at(15)))
    assert part(20)[0] == "ok"
    assert part(22) == ("warn", "HTTP 503. What is wagered meanwhile is counted once it answers.")
    code(tx, guild_id, "")
    assert "no campaign code" in part(6)[1]
