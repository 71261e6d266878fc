"""All accounts of a person are one line of the frozen list, also when links change afterwards."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.draws.secrets import pseudonym_of
from core.draws.snapshot import entrants_of
from core.events import Person
from core.kit.database.work import run_in_guild
from core.kit.errors import Refusal
from core.people import store as people
from core.people.linking.actions import link_account
from core.raffle.draw import actions
from core.raffle.draw.store import list_held
from core.raffle.ledger import store as ledger
from core.raffle.ledger.store import list_drift
from tests.acting import act
from tests.draws.verifier import verify
from tests.raffle.draw.rig import (
    AFTER,
    DUE,
    END,
    NAMES,
    START,
    TICKETS,
    as_owner,
    bundle,
    discord_id,
    do,
    drew,
    ended,
    exclude,
    froze,
    picks_of,
    snapshot_of,
    with_frozen,
)
from tests.raffle.scene import CONFIG, give, viewer

LATER = START + timedelta(hours=1)


def on_twitch(tx: Connection, guild_id: int, name: str, number: int, tickets: int) -> int:
    """A member links a Twitch account, which has its own tickets; its viewer id."""
    user_id = 5_000 + NAMES.index(name)
    viewer_id = people.set_viewer(tx, guild_id, "twitch", user_id, f"{name}_tv", START)
    people.add_link(tx, guild_id, discord_id(name), "twitch", viewer_id, LATER)
    if tickets:
        give(tx, guild_id, number, viewer_id, tickets, f"gift:{number}:{name}:twitch")
    return viewer_id


def unlink(tx: Connection, guild_id: int, viewer_id: int) -> None:
    link = act(tx, guild_id, people.find_link_of_viewer, viewer_id)
    assert link is not None
    people.end_link(tx, link)


def test_accounts_of_a_person_are_one_line(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    on_twitch(tx, guild_id, "mia", number, 20)
    on_twitch(tx, guild_id, "leo", number, 0)
    pool = do(tx, guild_id, DUE, ledger.get_pool, number)
    draw = froze(tx, guild_id, number)
    assert (draw.entrants, draw.tickets) == (5, sum(TICKETS) + 20) == tuple(pool)
    lines = dict(zip(*entrants_of(snapshot_of(tx, guild_id, number)), strict=True))
    salt = with_frozen(tx, guild_id, number, lambda raffle: raffle.salt)
    mia = people.get_viewer(tx, guild_id, viewer(tx, guild_id, "mia"))
    assert lines[pseudonym_of(salt, f"kick:{mia.platform_user_id}")] == TICKETS[0] + 20


CHANGES = {
    "unlink": {},
    "unlink_main": {},
    "unlink_both": {"mia": "unlinked"},
    "relink": {"leo": "unlinked"},
    "link_another": {},
}
"""What happens to links between freeze and draw -> who is skipped, and why."""


@pytest.mark.parametrize("tickets", [20, 0])
@pytest.mark.parametrize("change", CHANGES)
def test_list_and_draw_hold_after_links_have_changed(
    tx: Connection, guild_id: int, change: str, tickets: int
) -> None:
    number = ended(tx, guild_id, winners=5)
    second = on_twitch(tx, guild_id, "mia", number, tickets)
    main = viewer(tx, guild_id, "mia")
    froze(tx, guild_id, number)
    before = do(tx, guild_id, DUE, ledger.get_pool, number)
    if change in ("unlink", "relink", "unlink_both"):
        unlink(tx, guild_id, second)
    if change in ("unlink_main", "unlink_both"):
        unlink(tx, guild_id, main)
    if change == "relink":
        unlink(tx, guild_id, viewer(tx, guild_id, "leo"))
        people.add_link(tx, guild_id, discord_id("sam"), "twitch", second, END)
    if change == "link_another":
        on_twitch(tx, guild_id, "ana", number, 0)
    entrants = entrants_of(snapshot_of(tx, guild_id, number))
    owners = with_frozen(tx, guild_id, number, lambda raffle: raffle.check_owners(entrants))
    assert len(owners) == 5
    assert do(tx, guild_id, DUE, ledger.get_pool, number) == before
    drew(tx, guild_id, number)
    verify(bundle(tx, guild_id, number))
    assert list_drift(tx) == []
    picks = picks_of(tx, guild_id, number)
    assert len(picks) == 5
    assert {pick.name: pick.reason for pick in picks if pick.state == "skipped"} == CHANGES[change]
    won = {pick.name: pick.discord_id for pick in picks if pick.state == "drawn"}
    assert won == {name: discord_id(name) for name in NAMES if name not in CHANGES[change]}


def test_ban_of_an_account_holds_after_it_is_unlinked(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, winners=5)
    second = on_twitch(tx, guild_id, "mia", number, 20)
    froze(tx, guild_id, number)
    exclude(tx, guild_id, "mia_tv")
    unlink(tx, guild_id, second)
    drew(tx, guild_id, number)
    skipped = [pick for pick in picks_of(tx, guild_id, number) if pick.state == "skipped"]
    assert [(pick.name, pick.reason) for pick in skipped] == [("mia", "excluded")]


def test_person_wins_once(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, ("mia", "leo"), winners=5)
    on_twitch(tx, guild_id, "mia", number, 500)
    froze(tx, guild_id, number)
    drew(tx, guild_id, number)
    won = [pick.discord_id or 0 for pick in picks_of(tx, guild_id, number) if pick.state == "drawn"]
    assert sorted(won) == [discord_id("mia"), discord_id("leo")]


def test_second_line_of_a_member_wins_nothing(tx: Connection, guild_id: int) -> None:
    """Two people at the freeze; then one of them takes over the other's account."""
    number = ended(tx, guild_id, ("mia", "leo"), winners=3)
    twitch = people.set_viewer(tx, guild_id, "twitch", 77, "Third", START)
    people.add_link(tx, guild_id, 55_555, "twitch", twitch, START)
    give(tx, guild_id, number, twitch, 9, "gift:third")
    froze(tx, guild_id, number)
    unlink(tx, guild_id, twitch)
    people.add_link(tx, guild_id, discord_id("mia"), "twitch", twitch, END)
    drew(tx, guild_id, number)
    picks = picks_of(tx, guild_id, number)
    won = [pick.discord_id or 0 for pick in picks if pick.state == "drawn"]
    assert sorted(won) == [discord_id("mia"), discord_id("leo")]
    assert [(pick.name, pick.reason) for pick in picks if pick.state == "skipped"] == [
        ("Third", "unlinked")
    ]


def test_exclusion_of_either_account_leaves_the_person_out(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    on_twitch(tx, guild_id, "mia", number, 20)
    exclude(tx, guild_id, "mia_tv")
    draw = froze(tx, guild_id, number)
    assert (draw.entrants, draw.left_out) == (4, 1)
    assert do(tx, guild_id, DUE, ledger.get_pool, number) == (4, sum(TICKETS[1:]))


def test_tickets_moved_between_lines_are_noticed(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    second = on_twitch(tx, guild_id, "mia", number, 20)
    froze(tx, guild_id, number)
    as_owner(
        tx,
        "UPDATE raffle_balances SET listed_as = :other WHERE viewer_id = :second",
        other=viewer(tx, guild_id, "leo"),
        second=second,
    )
    with pytest.raises(Refusal, match="not the sum of the ledger"):
        drew(tx, guild_id, number)


def test_list_is_not_frozen_while_a_link_is_being_followed(tx: Connection, guild_id: int) -> None:
    """Until watchtime has followed the link, both accounts would count for the same time."""
    number = ended(tx, guild_id)
    run_in_guild(
        tx, guild_id, discord_id("mia"), AFTER, link_account, "twitch", Person(user_id=9, name="m")
    )
    with pytest.raises(Refusal, match="just linked"):
        froze(tx, guild_id, number)
    assert do(tx, guild_id, AFTER, actions.freeze_due, CONFIG, number) is None


def test_held_lines_are_the_persons_before_and_after(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    on_twitch(tx, guild_id, "ana", number, 3)

    def lines() -> dict[int, int]:
        held = do(tx, guild_id, DUE, list_held, number)
        return {v: t for some in held for v, t in zip(some.viewer_ids, some.tickets, strict=True)}

    before = lines()
    froze(tx, guild_id, number)
    assert lines() == before
    assert before[viewer(tx, guild_id, "ana")] == TICKETS[4] + 3
