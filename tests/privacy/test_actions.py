"""Exporting all data, deleting it, and coming back."""

import json
from datetime import timedelta
from unittest.mock import ANY

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from core.guilds import store as guilds
from core.guilds.records import AuditEntry
from core.inbox.records import deliveries
from core.kick.accounts.records import Account
from core.kick.review.records import ReviewItem
from core.kit.database.connection import contains_any
from core.kit.database.personal import SWEPT_AFTER
from core.kit.database.work import Work, run_in_guild
from core.kit.errors import Refusal
from core.kit.runtime.clock import utc_now
from core.outbox.records import messages
from core.people import actions as people
from core.people import store as viewers
from core.people.exclusions import actions as exclusions
from core.people.exclusions.records import Exclusion
from core.people.records import Tombstone
from core.privacy import actions
from core.slot_calls.store import get_call
from tests.acting import act
from tests.privacy.scene import (
    KEPT,
    MADCATS,
    MIA,
    NAME,
    NOON,
    VAULT,
    ask,
    forget,
    line,
    live,
    sweep_request,
    traces,
    watched,
)


def test_export_is_a_readable_file_with_everything(tx: Connection, guild_id: int) -> None:
    live(tx, guild_id)
    text = actions.as_file(actions.collect(tx, KEPT, ask(tx, guild_id))).decode()
    told = json.loads(text)
    assert told["about"]["server"] == "Nora's Corner"
    assert told["linked_accounts"][0]["user_id_there"] == MADCATS
    assert told["people_link_attempts"][0]["avatar_url"].endswith("mia.png")
    assert not {"link_id", "state_hash", "verifier"} & set(told["people_link_attempts"][0])
    assert told["slot_calls"][0]["slot"] == "Book of Dead"
    assert [row["watched"] for row in told["watchtime_totals"]] == ["10.00 minutes"]
    assert told["watchtime_days"][0]["day"] == "2026-05-01"
    assert told["watchtime_adjustments"][0]["reason"] == "x"
    assert [row["scope"] for row in told["people_exclusions"]] == ["slot_calls", "watchtime"]
    assert told["people_exclusions"][0]["excluded_at"]
    assert told["received_from_kick"][0]["content"] == "my secret"
    assert told["messages_to_you"][0]["content"] == {"account": NAME}
    assert told["gifts_and_subscriptions_seen"]
    assert told["not_handled_yet"]
    assert all(key == key.lower() and " " not in key for key in told)


def test_export_contains_nothing_about_others(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    live(tx, guild_id)
    live(tx, guild_id, user_id=5_555_555, name="Sam_Other")
    live(tx, other_guild_id)
    text = actions.as_file(actions.collect(tx, KEPT, ask(tx, guild_id))).decode()
    assert "5555555" not in text
    assert "Sam_Other" not in text
    assert str(other_guild_id) not in text


def test_member_without_link_gets_an_export(tx: Connection, guild_id: int) -> None:
    told = actions.collect(tx, KEPT, ask(tx, guild_id))
    assert told["linked_accounts"] == []
    forget(tx, guild_id)
    assert traces(tx, guild_id) == {}


def test_forget_keeps_only_what_prevents_counting_twice(tx: Connection, guild_id: int) -> None:
    live(tx, guild_id)
    assert set(traces(tx, guild_id)) >= {"people_viewers", "outbox_messages", "inbox_deliveries"}
    forget(tx, guild_id)
    left = traces(tx, guild_id)
    assert set(left) <= {
        "inbox_events",
        "inbox_deliveries",
        "kick_review_items",
        "outbox_messages",
    }
    keys = tx.execute(select(messages.c.key).where(contains_any(messages.c.key, [str(MIA)])))
    assert len(keys.all()) == left["outbox_messages"], "nothing but keys of what was told"
    assert left["inbox_events"] == 2
    told = tx.execute(
        select(deliveries.c.kind, deliveries.c.state).where(deliveries.c.state == "waiting")
    ).all()
    assert {kind for kind, _state in told} == {"AccountLinked", "AccountUnlinked"}


def test_sweep_is_not_due_before_its_time(tx: Connection, guild_id: int) -> None:
    live(tx, guild_id)
    forget(tx, guild_id)
    assert actions.list_due(tx, utc_now() + SWEPT_AFTER - timedelta(hours=1)) == []


def test_stored_request_does_not_reveal_the_member(tx: Connection, guild_id: int) -> None:
    live(tx, guild_id)
    forget(tx, guild_id)
    sealed = actions.list_due(tx, utc_now() + SWEPT_AFTER)[0].subject
    assert str(MIA) not in sealed
    assert str(MADCATS) in VAULT.open(sealed)


def test_forget_does_not_affect_other_people_or_servers(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    mine = live(tx, guild_id)
    others = live(tx, guild_id, user_id=5_555_555, name="Sam_Other")
    elsewhere = live(tx, other_guild_id)
    before = traces(tx, other_guild_id)
    forget(tx, guild_id)
    # Both follow one channel, so its deliveries are the same; these have no server.
    assert traces(tx, other_guild_id) == before | {"inbox_deliveries": ANY}
    assert watched(tx, guild_id, mine) == 0
    assert watched(tx, guild_id, others) == 3
    assert watched(tx, other_guild_id, elsewhere) == 3
    assert viewers.get_viewer(tx, guild_id, others).name == "Sam_Other"
    assert viewers.get_viewer(tx, other_guild_id, elsewhere).platform_user_id == MADCATS
    assert act(tx, other_guild_id, viewers.find_link, MIA) is not None
    assert act(tx, guild_id, viewers.find_link, MIA) is None


def test_open_call_is_closed_and_its_post_loses_the_name(tx: Connection, guild_id: int) -> None:
    viewer_id = live(tx, guild_id)
    forget(tx, guild_id)
    call = run_in_guild(tx, guild_id, 0, NOON, get_call, 1)
    assert (call.state, call.slot, call.viewer_name) == (
        "skipped",
        "Book of Dead",
        f"forgotten-{viewer_id}",
    )
    posts = tx.execute(
        select(messages.c.payload).where(messages.c.kind == "slot_calls.post")
    ).scalars()
    assert {post["viewer"] for post in posts} == {f"forgotten-{viewer_id}"}


def test_returning_viewer_keeps_identity_and_penalties(tx: Connection, guild_id: int) -> None:
    viewer_id = live(tx, guild_id)
    forget(tx, guild_id)
    again = people.get_or_create_sender(tx, line(guild_id, "hello again", name="MadCats2"))
    assert again == viewer_id
    assert viewers.get_viewer(tx, guild_id, viewer_id).name == "MadCats2"
    with Work(tx, guild_id, now=NOON) as work:
        assert exclusions.is_excluded(work, viewer_id, "slot_calls")
        assert exclusions.is_excluded(work, viewer_id, "watchtime")
    assert watched(tx, guild_id, viewer_id) == 0
    assert tx.execute(select(Tombstone)).all() == []


def test_sweep_after_returning_keeps_new_data(tx: Connection, guild_id: int) -> None:
    viewer_id = live(tx, guild_id)
    forget(tx, guild_id)
    tx.execute(delete(Exclusion))
    live(tx, guild_id)
    before = watched(tx, guild_id, viewer_id)
    later = utc_now() + SWEPT_AFTER
    sweep_request(tx, actions.list_due(tx, later)[0], later)
    assert watched(tx, guild_id, viewer_id) == before > 0
    assert act(tx, guild_id, viewers.find_link, MIA) is not None


@pytest.mark.parametrize(("giver", "message"), [(NAME, ""), ("Sam_Other", "gg")])
def test_message_is_deleted_only_with_its_author(
    tx: Connection, guild_id: int, giver: str, message: str
) -> None:
    live(tx, guild_id)
    tx.execute(
        update(ReviewItem)
        .where(ReviewItem.guild_id == guild_id)
        .values(giver=giver, receiver=NAME, message="gg")
    )
    forget(tx, guild_id)
    later = utc_now() + SWEPT_AFTER
    sweep_request(tx, actions.list_due(tx, later)[0], later)
    items = select(ReviewItem.receiver, ReviewItem.message).where(ReviewItem.guild_id == guild_id)
    ((receiver, left),) = tx.execute(items)
    assert receiver != NAME
    assert left == message


def test_another_account_inherits_nothing(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    viewer_id = live(tx, guild_id)
    forget(tx, guild_id)
    assert people.get_or_create_sender(tx, line(guild_id, "hi", user_id=MADCATS + 1)) != viewer_id
    assert people.get_or_create_sender(tx, line(other_guild_id, "hi")) != viewer_id


def test_forgetting_twice_changes_nothing(tx: Connection, guild_id: int) -> None:
    viewer_id = live(tx, guild_id)
    forget(tx, guild_id)
    forget(tx, guild_id)
    assert viewers.get_viewer(tx, guild_id, viewer_id).name == f"forgotten-{viewer_id}"
    people.get_or_create_sender(tx, line(guild_id, "back"))
    live(tx, guild_id, user_id=9_999_999, name="Another")
    assert viewers.get_viewer(tx, guild_id, viewer_id).platform_user_id == MADCATS


def test_connected_streamer_must_disconnect_first(tx: Connection, guild_id: int) -> None:
    live(tx, guild_id)
    tx.execute(
        insert(Account).values(
            guild_id=guild_id,
            kick_user_id=1,
            name="NoraPlays",
            scopes=[],
            state="connected",
            access_token="x",
            refresh_token="x",
            expires_at=NOON,
            connected_by=MIA,
            connected_at=NOON,
            refreshed_at=NOON,
        )
    )
    with pytest.raises(Refusal, match="connected this server's Kick account") as refused:
        forget(tx, guild_id)
    assert "/disconnect_kick" in refused.value.remedy


def test_audit_log_records_the_request_without_the_name(tx: Connection, guild_id: int) -> None:
    viewer_id = live(tx, guild_id)
    guilds.post_audit(tx, guild_id, MIA, "slot_calls.on", "x")
    guilds.post_audit(tx, guild_id, 900, "watchtime.adjust", NAME, before=str(MADCATS), after=NAME)
    forget(tx, guild_id)
    found = tx.execute(
        select(AuditEntry.actor, AuditEntry.action, AuditEntry.target).where(
            AuditEntry.guild_id == guild_id
        )
    ).all()
    assert (0, "privacy.forget", f"forgotten-{viewer_id}") in found
    assert (900, "watchtime.adjust", f"forgotten-{viewer_id}") in found
    assert (MIA, "slot_calls.on", "x") in found
