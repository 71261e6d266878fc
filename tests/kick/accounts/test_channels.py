"""A server's channel and its three ids: looked up, entered by hand, and dropped when stale."""

import pytest

from core.guilds import store as guilds
from core.kick import messages
from core.kick.accounts import actions, channels, connect, store
from core.kick.accounts.channels import follow_environment, look_up_missing, sync
from core.kick.accounts.records import KnownChannel
from core.kit.errors import Outage, Refusal
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.accounts.rig import ADMIN, Installation
from tests.kick.rig import NOON, NORA, VERA


def known(installation: Installation, guild_id: int = GUILD) -> KnownChannel:
    with installation.services.database.begin() as tx:
        found = store.find_known_channel(tx, guild_id)
    assert found is not None
    return found


def slug(installation: Installation, guild_id: int = GUILD) -> str:
    with installation.services.database.begin() as tx:
        found = guilds.find_channel(tx, guild_id, "kick")
    assert found is not None
    return found.slug


def type_chatroom(installation: Installation, number: int) -> None:
    with installation.services.work_in(GUILD, ADMIN) as work:
        actions.type_numbers(work, number, None)


def test_sync_stores_three_distinct_channel_ids(installation: Installation) -> None:
    found = sync(installation.services, GUILD)
    assert (found.slug, found.site_trouble) == ("noraplays", "")
    assert found.known == known(installation)
    numbers = {
        found.known.broadcaster_user_id,
        found.known.site_channel_id,
        found.known.chatroom_id,
    }
    assert len(numbers) == 3
    assert found.known.broadcaster_user_id == NORA
    assert found.known.chatroom_from == "site"


def test_blocked_website_is_no_error(installation: Installation) -> None:
    installation.kick.fault(site__cloudflare_403=True)
    found = sync(installation.services, GUILD)
    assert found.site_trouble == "HTTP 403"
    assert found.known.chatroom_id is None
    assert installation.browser().round_trip(installation.link()).status_code == 200


def test_manual_chatroom_stays_while_website_is_unavailable(installation: Installation) -> None:
    installation.kick.fault(site__cloudflare_403=True)
    type_chatroom(installation, 668)
    assert (
        sync(installation.services, GUILD).known.chatroom_id,
        known(installation).chatroom_from,
    ) == (
        668,
        "typed",
    )
    type_chatroom(installation, 0)
    assert (known(installation).chatroom_id, known(installation).chatroom_from) == (None, None)
    audit = installation.rows(
        "SELECT before, after FROM guild_audit_log WHERE action = 'kick.chatroom' ORDER BY id"
    )
    assert audit == [(None, 668), (668, None)]


@pytest.mark.parametrize("number", [-1, 2**63])
def test_invalid_chatroom_number_is_rejected(installation: Installation, number: int) -> None:
    with pytest.raises(Refusal, match="positive number"):
        type_chatroom(installation, number)


def test_site_channel_id_can_be_set_with_the_chatroom(installation: Installation) -> None:
    def typed(chatroom_id: int, site_channel_id: int | None) -> tuple[int | None, int | None]:
        with installation.services.work_in(GUILD, ADMIN) as work:
            given = actions.type_numbers(work, chatroom_id, site_channel_id)
        assert given == known(installation)
        return given.chatroom_id, given.site_channel_id

    assert typed(668, 77) == (668, 77)
    assert typed(669, None) == (669, 77), "left out, it stays"
    assert typed(669, 0) == (669, None)
    with pytest.raises(Refusal, match="positive"):
        typed(669, -1)
    audit = installation.rows("SELECT action, before, after FROM guild_audit_log ORDER BY id")
    assert audit == [
        ("kick.chatroom", None, 668),
        ("kick.site_channel", None, 77),
        ("kick.chatroom", 668, 669),
        ("kick.site_channel", 77, None),
    ]


# -- what is typed in is checked ----------------------------------------------------------------


def set_chatroom(
    installation: Installation, number: int, site_channel_id: int | None = None
) -> channels.Synced:
    return channels.type_numbers(installation.services, GUILD, number, site_channel_id, ADMIN)


def test_chatroom_of_another_channel_is_rejected(installation: Installation) -> None:
    """`/set_chatroom 123` took any number."""
    right = sync(installation.services, GUILD).known
    assert right.chatroom_id is not None
    with pytest.raises(Refusal, match="123 is not your channel's chatroom") as refused:
        set_chatroom(installation, 123)
    assert f"/set_chatroom {right.chatroom_id}" in refused.value.remedy
    with pytest.raises(Refusal, match="77 is not your channel's id"):
        set_chatroom(installation, right.chatroom_id, 77)
    assert known(installation) == right
    typed = set_chatroom(installation, right.chatroom_id, right.site_channel_id).known
    assert (typed.chatroom_id, typed.chatroom_from) == (right.chatroom_id, "site")


def test_manual_chatroom_is_checked_against_the_known_one(installation: Installation) -> None:
    right = sync(installation.services, GUILD).known
    installation.kick.fault(site__cloudflare_403=True)
    with pytest.raises(Refusal, match="not your channel's chatroom"):
        set_chatroom(installation, 123)
    assert known(installation) == right


def test_confirmed_chatroom_is_not_replaced_by_an_unchecked_one(installation: Installation) -> None:
    installation.kick.fault(site__cloudflare_403=True)
    assert set_chatroom(installation, 668).known.chatroom_id == 668
    assert set_chatroom(installation, 669).known.chatroom_id == 669, (
        "nothing has shown that 668 works"
    )
    with installation.services.database.begin() as tx:
        store.set_confirmed(tx, NORA, 669, NOON)
    with pytest.raises(Refusal, match="669 works") as refused:
        set_chatroom(installation, 123)
    assert "/set_chatroom 0" in refused.value.remedy
    assert set_chatroom(installation, 669).known.confirmed_at == NOON
    assert set_chatroom(installation, 0).known.chatroom_id is None
    assert set_chatroom(installation, 123).known.confirmed_at is None


def test_unchecked_chatroom_is_shown_as_unconfirmed(installation: Installation) -> None:
    installation.kick.fault(site__cloudflare_403=True)
    said = str(messages.numbers(set_chatroom(installation, 668)).description)
    assert "Not confirmed yet" in said
    assert "HTTP 403" in said
    installation.kick.reset_faults()
    right = sync(installation.services, GUILD).known.chatroom_id
    assert right is not None
    assert "Not confirmed" not in str(
        messages.numbers(set_chatroom(installation, right)).description
    )


def test_website_id_replaces_a_manual_chatroom(installation: Installation) -> None:
    installation.kick.fault(site__cloudflare_403=True)
    set_chatroom(installation, 123, 77)
    installation.kick.reset_faults()
    look_up_missing(installation.services)
    assert (known(installation).chatroom_id, known(installation).chatroom_from) == (
        3_100_001,
        "site",
    )


def test_sync_explains_where_to_find_the_ids_when_website_blocks(
    installation: Installation,
) -> None:
    installation.kick.fault(site__cloudflare_403=True)
    said = str(messages.synced(sync(installation.services, GUILD)).description)
    assert "HTTP 403" in said
    assert "https://kick.com/api/v2/channels/noraplays" in said
    assert '"chatroom":{"id":' in said
    installation.kick.reset_faults()
    assert "api/v2" not in str(messages.synced(sync(installation.services, GUILD)).description)


def test_changing_channel_drops_the_old_ids(installation: Installation) -> None:
    sync(installation.services, GUILD)
    connect.choose(installation.services, GUILD, "https://kick.com/VeraSpins", ADMIN)
    found = known(installation)
    assert (found.broadcaster_user_id, found.chosen_by) == (VERA, ADMIN)
    assert (found.chatroom_id, found.site_channel_id, found.chatroom_from) == (None, None, None)
    audit = installation.rows("SELECT actor, before, after FROM guild_audit_log")
    assert audit == [(ADMIN, "noraplays", "veraspins")]


def test_changing_channel_disconnects_the_former_streamer(installation: Installation) -> None:
    installation.connect()
    connect.choose(installation.services, GUILD, "veraspins", ADMIN)
    assert installation.account() is None


def test_choosing_the_same_channel_keeps_connection_and_ids(installation: Installation) -> None:
    installation.connect()
    before = known(installation)
    connect.choose(installation.services, GUILD, "NoraPlays", ADMIN)
    assert installation.account() is not None
    assert known(installation).chatroom_id == before.chatroom_id is not None


def test_channel_rename_is_followed(installation: Installation) -> None:
    installation.connect()
    before = known(installation)
    renamed = installation.kick.rename("nora", "Nora_Live")
    assert sync(installation.services, GUILD).slug == renamed == slug(installation)
    assert known(installation).chatroom_id == before.chatroom_id


def test_unknown_channel_name_changes_nothing(installation: Installation) -> None:
    with pytest.raises(Refusal, match="knows no channel called “nobody”"):
        connect.choose(installation.services, GUILD, "nobody", ADMIN)
    assert slug(installation) == "noraplays"


def test_kick_outage_changes_nothing(installation: Installation) -> None:
    installation.kick.fault(api__500=1)
    with pytest.raises(Outage):
        connect.choose(installation.services, GUILD, "veraspins", ADMIN)
    assert slug(installation) == "noraplays"


def test_environment_sets_the_first_channel(installation: Installation) -> None:
    ours = installation.with_settings(discord_guild_id=OTHER_GUILD, kick_channel="VeraSpins")
    assert channels.ensure_channel(ours.services, OTHER_GUILD).channel_id == VERA
    assert known(installation, OTHER_GUILD).chosen_by is None


def test_environment_channel_applies_to_its_own_server_only(installation: Installation) -> None:
    ours = installation.with_settings(discord_guild_id=GUILD)
    with pytest.raises(Refusal, match="No Kick channel is set"):
        channels.ensure_channel(ours.services, OTHER_GUILD)


def test_admin_choice_overrides_environment(installation: Installation) -> None:
    ours = installation.with_settings(discord_guild_id=GUILD, kick_channel="noraplays")
    follow_environment(ours.services)
    connect.choose(ours.services, GUILD, "veraspins", ADMIN)
    follow_environment(ours.services)
    assert slug(installation) == "veraspins"


def test_changed_environment_applies_unless_an_admin_chose(installation: Installation) -> None:
    ours = installation.with_settings(discord_guild_id=GUILD, kick_channel="noraplays")
    follow_environment(ours.services)
    sync(ours.services, GUILD)
    changed = installation.with_settings(discord_guild_id=GUILD, kick_channel="veraspins")
    follow_environment(changed.services)
    assert slug(installation) == "veraspins"
    assert known(installation).chatroom_id is None


def test_missing_ids_are_looked_up_periodically(installation: Installation) -> None:
    installation.kick.fault(site__cloudflare_403=True)
    sync(installation.services, GUILD)
    installation.kick.reset_faults()
    look_up_missing(installation.services)
    assert known(installation).chatroom_id is None, "the website is left in peace for some hours"
    installation.clock.forward(hours=6, seconds=1)
    look_up_missing(installation.services)
    assert known(installation).chatroom_id is not None


def test_old_connect_attempts_are_deleted(installation: Installation) -> None:
    installation.link()
    connect.FLOW.forget_old(installation.services)
    assert len(installation.rows("SELECT 1 FROM kick_connect_attempts")) == 1
    installation.clock.forward(hours=25)
    connect.FLOW.forget_old(installation.services)
    assert installation.rows("SELECT 1 FROM kick_connect_attempts") == []
