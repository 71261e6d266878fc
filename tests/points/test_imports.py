"""Importing balances of another bot: a preview, then the difference to what was imported before."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest
from sqlalchemy import Connection, event

from core.guilds.actions import change_settings
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.uploads import MAX_BYTES
from core.people import store as people
from core.people.records import GuildAccount
from core.points import imports, ledger, lists, messages, store
from core.points.health import audit_ledger, check_health
from core.points.ledger import NewEntry
from core.points.rules import PointsSettings
from core.streamelements import client
from sandbox.serve import Sandbox
from tests.conftest import GUILD
from tests.kick.rig import settings
from tests.points.scene import PointsGuild
from tests.slot_calls.scene import NOON
from tests.streamelements.conftest import (  # noqa: F401
    ADMIN,
    BEAN,
    MADCATS,
    YUKI,
    Desk,
    desk,
    pretend,
    without_pauses,
)

P = ParamSpec("P")
T = TypeVar("T")

KEPT = ("data_dir", "streamelements_api_url", "streamelements_astro_url")


def do(
    desk: Desk,  # noqa: F811
    action: Callable[Concatenate[Work, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    with desk.services.work_in(GUILD, ADMIN) as work:
        return action(work, *args, **kwargs)


def open_points(desk: Desk) -> None:  # noqa: F811
    desk.connect()
    do(desk, change_settings, PointsSettings, enabled=True)
    for number, login in ((3, MADCATS), (4, BEAN)):
        with desk.services.database.begin() as tx:
            people.set_viewer(tx, GUILD, "twitch", 5_000_000 + number, login, NOON)
            people.set_viewer(tx, GUILD, "kick", number, login, NOON)


def ready(desk: Desk) -> imports.Preview:  # noqa: F811
    do(desk, imports.start_reading)
    imports.read_imports(desk.services)
    found = do(desk, imports.preview)
    assert found is not None
    return found


def held(desk: Desk) -> dict[str, int]:  # noqa: F811
    def read(work: Work) -> Sequence[Any]:
        return store.list_places(work, 100, 0)

    return {change.name: change.points for change in do(desk, read)}


def test_balances_are_previewed_imported_and_never_doubled(desk: Desk) -> None:  # noqa: F811
    open_points(desk)
    there = desk.points()
    preview = ready(desk)
    counts = preview.counts
    assert (counts["accounts"], counts["points"]) == (len(there), sum(there.values()))
    assert (counts["by_id"], counts["by_name"]) == (0, 2)
    assert (counts["unknown"], counts["holders"]) == (len(there) - 2, 0)
    assert (counts["gain"], counts["loss"]) == (there[MADCATS] + there[BEAN], 0)
    assert [(example.name, example.delta) for example in preview.examples] == [
        (BEAN, there[BEAN]),
        (MADCATS, there[MADCATS]),
    ]
    assert YUKI in preview.unknown
    assert held(desk) == {}, "a preview changes nothing"
    number = preview.import_.number
    assert do(desk, imports.confirm, number) == (2, there[MADCATS] + there[BEAN])
    assert held(desk) == {BEAN: there[BEAN], MADCATS: there[MADCATS]}
    with pytest.raises(Refusal, match="no longer open"):
        do(desk, imports.confirm, number)
    assert desk.rows("SELECT count(*) FROM points_import_lines") == [(0,)]

    desk.streamelements.set_points(MADCATS, there[MADCATS] + 200)
    desk.streamelements.set_points(BEAN, there[BEAN] - 300)
    again = ready(desk)
    assert (again.counts["gain"], again.counts["loss"]) == (200, 300)
    assert again.counts["holders"] == 2
    do(desk, imports.confirm, again.import_.number)
    assert held(desk) == {BEAN: there[BEAN] - 300, MADCATS: there[MADCATS] + 200}
    same = ready(desk)
    assert (same.counts["gain"], same.counts["same"]) == (0, 2)
    assert do(desk, imports.confirm, same.import_.number) == (0, 0)
    with desk.services.database.begin() as tx:
        counted = store.count_ledger(tx)
        assert store.list_drift(tx) == []
        assert counted.held == counted.given == sum(held(desk).values())


def test_every_page_is_read_and_an_outage_only_delays_it(desk: Desk) -> None:  # noqa: F811
    open_points(desk)
    for number in range(client.PAGE * 2):
        desk.streamelements.set_points(f"somebody{number}", 10)
    do(desk, imports.start_reading)
    desk.streamelements.fault(_429=1, retry_after_s=5)
    imports.read_imports(desk.services)
    waiting = do(desk, imports.find_open)
    assert waiting is not None
    assert (waiting.state, waiting.accounts) == ("reading", 0)
    desk.later += waiting.try_at - waiting.started_at
    imports.read_imports(desk.services)
    found = do(desk, imports.preview)
    assert found is not None
    assert found.import_.state == "ready"
    assert found.counts["accounts"] == len(desk.points()) > 200


def test_who_was_never_seen_is_known_by_their_twitch_id(
    desk: Desk,  # noqa: F811
    pretend: Sandbox,  # noqa: F811
) -> None:
    twitch = {k.lower(): v for k, v in pretend.env.items() if k.startswith("TWITCH_")}
    kept = {login: getattr(desk.services.settings, login) for login in KEPT}
    keys = desk.services.settings.token_encryption_keys
    assert keys is not None
    given = settings(token_encryption_keys=keys.get_secret_value(), **kept, **twitch)
    object.__setattr__(desk.services, "settings", given)
    open_points(desk)
    preview = ready(desk)
    assert preview.counts["by_id"] >= 3
    do(desk, imports.confirm, preview.import_.number)
    assert held(desk)[YUKI] == desk.points()[YUKI]
    [(platform,)] = desk.rows("SELECT platform FROM people_viewers WHERE name = :name", name=YUKI)
    assert platform == "twitch"


def test_an_import_can_be_cancelled_and_only_one_is_open(desk: Desk) -> None:  # noqa: F811
    open_points(desk)
    preview = ready(desk)
    with pytest.raises(Refusal, match="still open"):
        do(desk, imports.start_reading)
    do(desk, imports.cancel, preview.import_.number)
    with pytest.raises(Refusal, match="no longer open"):
        do(desk, imports.confirm, preview.import_.number)
    assert held(desk) == {}
    assert ready(desk).import_.number == preview.import_.number + 1


def test_a_list_of_another_bot_is_imported_the_same_way(guild: PointsGuild) -> None:
    mia = guild.viewer(71)
    started, lines = guild.do(imports.start_list, "Name,Points\nMIA,1.5k\nnobody,5\nTom\nZed,0")
    assert lines.wrong == ["Tom"]
    preview = guild.do(imports.preview)
    assert preview is not None
    assert (preview.counts["by_name"], preview.unknown) == (1, ["nobody"])
    guild.do(imports.confirm, started.number)
    assert guild.balance(mia) == {"won": 1500}, "their origin is not known"
    again, _wrong = guild.do(imports.start_list, "mia;1500")
    assert guild.do(imports.confirm, again.number) == (0, 0)
    guild.adds_up()


def both(guild: PointsGuild, name: str, number: int) -> tuple[int, int]:
    """A Kick viewer and a Twitch viewer with the same name."""
    kick, twitch = (
        people.set_viewer(guild.tx, guild.id, platform, user_id, name, NOON)
        for platform, user_id in (("kick", number), ("twitch", number + 1))
    )
    return kick, twitch


def shown(guild: PointsGuild) -> imports.Preview:
    found = guild.do(imports.preview)
    assert found is not None
    return found


def test_a_name_on_both_platforms_is_asked_about(guild: PointsGuild) -> None:
    kick, twitch = both(guild, "MadCats", 501)
    started, _lines = guild.do(imports.start_list, "MadCats,700\nghost,5")
    preview = shown(guild)
    assert (preview.counts["unclear"], preview.unknown) == (1, ["ghost"])
    assert {candidate.label for candidate in preview.unclear[0].candidates} == {
        "MadCats (Kick)",
        "MadCats (Twitch)",
    }
    assert "MadCats (Kick)" in str(messages.import_preview(preview).description)
    guild.do(imports.choose, started.number, "", {"madcats": 999_999})
    assert shown(guild).counts["unclear"] == 1, "nobody of that name"
    guild.do(imports.choose, started.number, "", {"madcats": twitch})
    assert (shown(guild).counts["unclear"], shown(guild).counts["gain"]) == (0, 700)
    assert guild.do(imports.confirm, started.number) == (1, 700)
    assert (guild.balance(kick), guild.balance(twitch)) == ({}, {"won": 700})
    again, _lines = guild.do(imports.start_list, "madcats,900")
    assert shown(guild).unclear[0].viewer_id == twitch, "who got the last import"
    guild.do(imports.choose, again.number, "", {"madcats": 0})
    assert guild.do(imports.confirm, again.number) == (0, 0), "or nobody"
    with pytest.raises(Refusal, match="no longer open"):
        guild.do(imports.choose, again.number, "kick", {})


def test_a_platform_or_a_link_decides_whose_names_these_are(guild: PointsGuild) -> None:
    kick, twitch = both(guild, "MadCats", 501)
    tom_kick, tom_twitch = both(guild, "Tom", 601)
    for platform, viewer_id in (("kick", tom_kick), ("twitch", tom_twitch)):
        people.add_link(guild.tx, guild.id, 55, platform, viewer_id, NOON)
    started, _lines = guild.do(imports.start_list, "MadCats,700\nTom,30")
    assert [change.name for change in shown(guild).unclear] == ["madcats"], "Tom is one person"
    guild.do(imports.choose, started.number, "kick", {})
    preview = shown(guild)
    assert (preview.import_.platform, preview.unclear, preview.counts["gain"]) == ("kick", [], 730)
    guild.do(imports.choose, started.number, "", {})
    people.add_link(guild.tx, guild.id, 56, "twitch", twitch, NOON)
    linked = shown(guild).unclear[0]
    assert (linked.viewer_id, len(linked.candidates)) == (twitch, 2), "chosen, and can be changed"
    guild.do(imports.confirm, started.number)
    assert guild.balance(twitch) == {"won": 700}
    assert guild.balance(kick) == {}


def test_references_of_choices_can_be_written_in_a_list(guild: PointsGuild) -> None:
    kick, twitch = both(guild, "MadCats", 501)
    read = guild.do(lists.read_pasted, "MadCats,1")
    assert (read.amounts, read.wrong) == ({}, ["MadCats,1"])
    assert "on Kick and another one on Twitch" in read.unclear[0].what
    pasted = "kick:MadCats,1\ntwitch:#502,20\nkick:#501,300\nkick:#7,5"
    read = guild.do(lists.read_pasted, pasted)
    assert (read.amounts, read.wrong) == ({kick: 301, twitch: 20}, ["kick:#7,5"])


def test_as_many_statements_for_fifty_thousand_lines(guild: PointsGuild) -> None:
    """So that it stays linear, and within a request's time."""

    def statements(lines: int, twins: int) -> int:
        seen = [
            people.Seen(GuildAccount(guild.id, platform, number), f"v{number}", NOON)
            for platform in ("kick", "twitch")
            for number in range(1, twins + 1)
        ]
        people.set_viewers(guild.tx, seen)
        text = "Name,Rank,Points\n" + "".join(f"v{n},x,{n + 1}\n" for n in range(1, lines + 1))
        assert len(text) < MAX_BYTES
        counted: list[str] = []
        listen = partial(_count, counted)
        event.listen(guild.tx, "before_cursor_execute", listen)
        try:
            started, read = guild.do(imports.start_list, text)
            preview = shown(guild)
            guild.do(imports.confirm, started.number)
        finally:
            event.remove(guild.tx, "before_cursor_execute", listen)
        assert (len(read.named), read.wrong) == (lines, [])
        assert (preview.counts["unclear"], preview.counts["unknown"]) == (twins, lines - twins)
        return len(counted)

    few = statements(60, 2)
    assert statements(50_000, 400) <= few + 5


def _count(counted: list[str], _tx: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
    counted.append(statement)


def test_an_import_that_shrinks_takes_at_most_what_is_left(guild: PointsGuild) -> None:
    mia = guild.viewer(71)
    first, _wrong = guild.do(imports.start_list, "Mia,1000")
    guild.do(imports.confirm, first.number)
    guild.do(ledger.post, "test", [NewEntry("spent", mia, "won", -900)])
    second, _wrong = guild.do(imports.start_list, "Mia,500")
    assert guild.do(imports.confirm, second.number) == (1, -100)
    guild.adds_up()


def test_excluded_viewers_get_nothing(guild: PointsGuild, tx: Connection) -> None:
    mia = guild.viewer(71)
    tx.exec_driver_sql(
        "INSERT INTO people_exclusions (guild_id, viewer_id, scope, cause, reason, excluded_at)"
        f" VALUES ({guild.id}, {mia}, 'everything', 'admin', '', now())"
    )
    started, _wrong = guild.do(imports.start_list, "Mia,1000")
    preview = guild.do(imports.preview)
    assert preview is not None
    assert (preview.counts["excluded"], preview.counts["gain"]) == (1, 0)
    assert guild.do(imports.confirm, started.number) == (0, 0)


def test_a_server_whose_points_are_kept_elsewhere_imports_nothing(desk: Desk) -> None:  # noqa: F811
    desk.connect()
    do(desk, change_settings, PointsSettings, enabled=True, provider="streamelements")
    with pytest.raises(Refusal, match="uses StreamElements points"):
        do(desk, imports.start_reading)


def test_what_does_not_add_up_is_on_the_health_page(desk: Desk) -> None:  # noqa: F811
    open_points(desk)
    do(desk, imports.confirm, ready(desk).import_.number)
    services = desk.services

    def items() -> list[str]:
        audit_ledger(services)
        with services.database.begin() as tx:
            return [f"{item.state} {item.guild_id}" for item in check_health(tx, services.clock())]

    assert items() == ["ok None"]
    with services.database.begin() as tx:
        tx.exec_driver_sql("UPDATE points_balances SET points = points + 1")
    assert items() == [f"warn {GUILD}"]
    with services.database.begin() as tx:
        tx.exec_driver_sql("UPDATE points_balances SET points = points - 1")
    assert items() == ["ok None"]
