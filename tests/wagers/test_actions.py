"""Linking, verifying, unlinking: one to one, and what is in the way says so."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.kit.database.connection import Database
from core.kit.errors import Refusal
from core.people import store as people
from core.wagers import actions, messages
from core.wagers.polling import add_poll, check_health, get_status
from core.wagers.records import Outcome, Poll
from core.wagers.rules import DEFAULT_ROLE_NAME, SHUFFLE
from tests.clean import cleaned
from tests.wagers.scene import ADMIN, LEO, MIA, Guild, at, reported

DAY = 24 * 60


def noted(guild: Guild, minutes: float, outcome: Outcome = "ok", reason: str = "") -> None:
    """The platform was asked then."""
    poll = Poll(
        platform=SHUFFLE,
        asked_at=at(minutes),
        outcome=outcome,
        reason=reason,
        accounts=3 if outcome == "ok" else 0,
        next_at=at(minutes + 5),
    )
    add_poll(guild.tx, poll)


# -- linking --------------------------------------------------------------------------------------


def test_member_with_kick_link_can_link_shuffle(guild: Guild) -> None:
    guild.choose_admin_channel()
    viewer_id = guild.member(MIA)
    account = guild.link(MIA, " @MiaSpins ")
    assert (account.viewer_id, account.username, account.verified_at) == (
        viewer_id,
        "MiaSpins",
        None,
    )
    assert guild.link(MIA, "miaSPINS") == account
    (note,) = guild.posted("wagers.linked")
    assert (note["username"], note["discord_id"]) == ("MiaSpins", MIA)


def test_linking_requires_a_kick_link(guild: Guild) -> None:
    with pytest.raises(Refusal, match="Link your account first"):
        guild.link(MIA, "MiaSpins")


@pytest.mark.parametrize("name", ["", "two words", "🎰" * 500])
def test_invalid_username_is_rejected(guild: Guild, name: str) -> None:
    guild.member(MIA)
    with pytest.raises(Refusal, match="not a valid username"):
        guild.link(MIA, name)


def test_one_member_has_one_account_and_vice_versa(guild: Guild, other: Guild) -> None:
    guild.member(MIA)
    guild.member(LEO)
    other.member(LEO)
    guild.link(MIA, "MiaSpins")
    with pytest.raises(Refusal, match="You already linked another Shuffle account"):
        guild.link(MIA, "other")
    with pytest.raises(Refusal, match="Somebody else has linked"):
        guild.link(LEO, "MIASPINS")
    assert other.link(LEO, "MIASPINS").linked_by == LEO


def test_simultaneous_claims_link_one_member(database: Database, guild_id: int) -> None:
    with cleaned(database):
        with database.begin() as tx:
            for discord_id in range(20, 26):
                Guild(tx, guild_id).member(discord_id)

        def claim(discord_id: int) -> bool:
            try:
                with database.begin() as tx:
                    Guild(tx, guild_id).link(discord_id, "Same")
            except Refusal:
                return False
            return True

        with ThreadPoolExecutor(6) as all_at_once:
            assert sum(all_at_once.map(claim, range(20, 26))) == 1


def test_another_account_requires_a_day_of_waiting(guild: Guild) -> None:
    guild.member(MIA)
    guild.link(MIA, "MiaSpins")
    guild.unlink(MIA, minutes=5)
    for name in ("MiaSpins", "other"):
        with pytest.raises(Refusal, match="unlinked recently") as refused:
            guild.link(MIA, name, 4 + DAY)
        again = int(at(5 + DAY).timestamp()) + 1
        assert f"<t:{again}:R>" in refused.value.remedy
    assert guild.link(MIA, "other", 5 + DAY).username == "other"


def test_another_kick_account_does_not_bypass_the_waiting_period(guild: Guild) -> None:
    guild.member(MIA)
    guild.link(MIA, "MiaSpins")
    guild.unlink(MIA)
    guild.unlink_kick(MIA)
    second = people.set_viewer(guild.tx, guild.id, "kick", 777, "MiaTwo", at(0))
    people.add_link(guild.tx, guild.id, MIA, "kick", second, at(1))
    with pytest.raises(Refusal, match="unlinked recently"):
        guild.link(MIA, "other", 2)


def test_verified_account_cannot_move_to_another_member_at_once(guild: Guild) -> None:
    guild.verify_mia()
    guild.member(LEO)
    guild.unlink(MIA, minutes=5)
    with pytest.raises(Refusal, match="unlinked recently"):
        guild.link(LEO, "MiaSpins", 6)


def test_account_unlinked_by_an_admin_can_be_linked_at_once(guild: Guild) -> None:
    """It puts a mistake right."""
    guild.member(MIA)
    guild.link(MIA, "MiaSpisn")
    guild.unlink(ADMIN, f"<@{MIA}>", minutes=5)
    assert guild.link(MIA, "MiaSpins", 6).username == "MiaSpins"
    assert guild.audited() == [("wagers.unlink", ADMIN)]


def test_unlinking_without_account_is_rejected(guild: Guild) -> None:
    guild.member(MIA)
    with pytest.raises(Refusal, match="No Shuffle account is linked"):
        guild.unlink(MIA)


# -- verifying ------------------------------------------------------------------------------------


def test_verification_sets_the_start(guild: Guild) -> None:
    guild.member(MIA)
    guild.set(shuffle_code="NORA")
    guild.link(MIA, "MiaSpins")
    done = guild.verify(MIA, reported(3, MiaSpins="1250.5"))
    assert done.is_new
    assert (done.account.verified_at, done.account.seen_at) == (at(3), at(3))
    assert str(done.account.total) == "1250.5"
    assert guild.audited() == [("wagers.verify", ADMIN)]
    (word,) = guild.posted("wagers.verified")
    assert word["server"] == "Nora's Corner"


def test_repeated_verification_does_not_move_the_start(guild: Guild) -> None:
    """Else what was wagered since the last look would be lost."""
    guild.verify_mia()
    done = guild.verify(MIA, reported(3, MiaSpins="1100"))
    assert not done.is_new
    guild.poll(5, MiaSpins="1100")
    assert guild.published() == ["100"]
    assert len(guild.posted("wagers.verified")) == 1


def test_older_response_after_verification_counts_nothing(guild: Guild) -> None:
    guild.member(MIA)
    guild.set(shuffle_code="NORA")
    guild.verify(MIA, reported(3, MiaSpins="1000"), "MiaSpins")
    guild.poll(2, MiaSpins="900")
    guild.poll(4, MiaSpins="1000")
    assert guild.published() == []


@pytest.mark.parametrize("campaign", ["OTHER", ""])
def test_verification_requires_the_servers_campaign_code(guild: Guild, campaign: str) -> None:
    guild.member(MIA)
    guild.set(shuffle_code="NORA")
    with pytest.raises(Refusal, match="has no account MiaSpins under your campaign code NORA"):
        guild.verify(MIA, reported(0, campaign, MiaSpins="1000"), "MiaSpins")
    assert guild.linked() == []


def test_missing_requirements_are_reported_before_asking_shuffle(guild: Guild) -> None:
    def candidate(person: str, name: str | None = None) -> None:
        guild.do(0, ADMIN, actions.get_candidate, person, SHUFFLE, name)

    guild.member(MIA)
    people.set_viewer(guild.tx, guild.id, "kick", 31, "loner", at(0))
    with pytest.raises(Refusal, match="not linked to a Discord member"):
        candidate("loner", "x")
    with pytest.raises(Refusal, match="has not linked a Shuffle account"):
        candidate("viewer7")
    with pytest.raises(Refusal, match="no Shuffle campaign code") as refused:
        candidate("viewer7", "x")
    assert "`wagers.shuffle_code`" in refused.value.remedy
    guild.set(shuffle_code="NORA")
    candidate("viewer7", "x")


def test_admin_verification_overrides_a_claim(guild: Guild) -> None:
    """Somebody has claimed Mia's name, and Mia has mistyped hers."""
    guild.member(MIA)
    guild.member(LEO)
    guild.set(shuffle_code="NORA")
    guild.link(LEO, "MiaSpins")
    guild.link(MIA, "MiaSpisn")
    done = guild.verify(MIA, reported(0, MiaSpins="5"), "MiaSpins")
    assert [account.username for account in guild.linked()] == ["MiaSpins"]
    assert done.account.owner == MIA
    assert guild.link(LEO, "leo_77", 1).username == "leo_77"


def test_rejected_verification_keeps_other_claims(guild: Guild) -> None:
    guild.member(MIA)
    guild.member(LEO)
    guild.set(shuffle_code="NORA")
    guild.link(LEO, "MiaSpins")
    with pytest.raises(Refusal), guild.tx.begin_nested():
        guild.verify(MIA, reported(0, leo_77="5"), "MiaSpins")
    assert [account.linked_by for account in guild.linked()] == [LEO]


def test_verified_account_cannot_be_reassigned(guild: Guild) -> None:
    guild.verify_mia()
    guild.member(LEO)
    with pytest.raises(Refusal, match="verified for viewer7"):
        guild.verify(LEO, reported(1, MiaSpins="5"), "MIASPINS")
    with pytest.raises(Refusal, match="already has the verified account MiaSpins"):
        guild.verify(MIA, reported(1, other="5"), "other")


def test_member_who_unlinked_kick_is_not_verified(guild: Guild) -> None:
    guild.member(MIA)
    guild.set(shuffle_code="NORA")
    found = guild.do(0, ADMIN, actions.get_candidate, f"<@{MIA}>", SHUFFLE, "MiaSpins")
    guild.unlink_kick(MIA)
    with pytest.raises(Refusal, match="has just changed"):
        guild.do(0, ADMIN, actions.verify, found, reported(0, MiaSpins="5"))


def test_unlinked_account_counts_nothing_and_past_wagers_stay(guild: Guild) -> None:
    viewer_id = guild.verify_mia()
    guild.poll(5, MiaSpins="1010")
    guild.unlink(MIA, minutes=6)
    guild.poll(7, MiaSpins="1500")
    assert guild.wagered(viewer_id) == 10
    guild.verify(MIA, reported(8, MiaSpins="1600"), "MiaSpins")
    guild.poll(9, MiaSpins="1601")
    assert guild.published() == ["10", "1"]


def test_renamed_kick_account_keeps_counting(guild: Guild) -> None:
    viewer_id = guild.verify_mia()
    people.set_viewer(guild.tx, guild.id, "kick", MIA, "NewName", at(2))
    guild.poll(5, MiaSpins="1010")
    assert guild.wagered(viewer_id) == 10


# -- how it is ------------------------------------------------------------------------------------


def test_status_lists_pending_and_missing_accounts(guild: Guild) -> None:
    guild.verify_mia()
    guild.member(LEO)
    guild.link(LEO, "leo_77")
    noted(guild, 5)
    noted(guild, 10, "failed", "HTTP 503")
    now = guild.do(11, ADMIN, get_status, SHUFFLE)
    assert now.code == "NORA"
    assert [account.username for account in now.accounts] == ["MiaSpins", "leo_77"]
    assert [one.username for one in now.missing] == ["MiaSpins"]
    assert [poll.reason for poll in now.failures] == ["HTTP 503"]
    assert now.last is not None
    assert now.last.asked_at == at(5)
    shown = {field.name: field.value for field in messages.status(now, is_set_up=True).fields}
    assert shown["Campaign code"] == "NORA"


def test_health_shows_when_nothing_is_counted(guild: Guild, other: Guild) -> None:
    def part(minutes: float) -> tuple[str, str]:
        (found,) = check_health(guild.tx, at(minutes))
        assert found.guild_id == guild.id
        return found.state, found.reason

    assert check_health(guild.tx, at(0)) == []
    guild.verify_mia()
    assert part(0)[0] == "warn"
    noted(guild, 5)
    assert part(6) == ("ok", "3 accounts received.")
    noted(guild, 10, "failed", "HTTP 503")
    assert part(20)[0] == "ok"
    assert part(22) == ("warn", "HTTP 503. Wagers placed meanwhile are counted once it responds.")
    guild.set(shuffle_code="")
    assert "no campaign code" in part(6)[1]


def test_role_of_the_default_name_is_chosen_only_if_there_is_one(guild: Guild) -> None:
    def chosen(*roles: tuple[int, str]) -> int:
        return guild.do(0, ADMIN, actions.choose_role, roles)

    name = DEFAULT_ROLE_NAME.upper()
    assert chosen((5, "Fan"), (6, name), (7, DEFAULT_ROLE_NAME)) == 0
    assert chosen((5, "Fan"), (6, name)) == 6
    assert chosen((6, "Renamed"), (7, name)) == 6
    assert chosen((7, name)) == 7  # the chosen one was deleted
    assert chosen((5, "Fan")) == 0
