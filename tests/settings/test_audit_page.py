"""The audit log on the dashboard: filters, the file, and undo."""

from sqlalchemy import select

from core.guilds import actions as guilds
from core.guilds.records import AuditEntry
from core.slot_calls.rules import SlotCallSettings
from core.watchtime.rules import WatchtimeSettings
from tests.dashboard.site import GUILD, IDS, Site, words

PAGE = f"/g/{GUILD}/audit_log"
ENABLED = WatchtimeSettings.declared["enabled"]
CHANNEL = SlotCallSettings.declared["channel"]


def change_one(site: Site) -> int:
    """Nora changes a setting; returns the entry's id."""
    with site.services.work_in(GUILD, IDS["nora"]) as work:
        guilds.change_setting(work, ENABLED, not ENABLED.default)
        (entry,) = work.scalars(select(AuditEntry))
    return entry.id


def current(site: Site) -> bool:
    with site.services.work_in(GUILD) as work:
        return guilds.setting(work.tx, GUILD, ENABLED)


def test_entries_read_as_sentences_and_can_be_filtered(site: Site) -> None:
    nora = site.visitor("nora")
    assert "Nothing changed yet" in words(nora.get(PAGE))
    change_one(site)
    line = "changed watchtime.enabled from on to off"
    for query in (
        "",
        f"?actor={IDS['nora']}",
        "?feature=watchtime",
        "?text=ENABLED",
        "?since=2000-01-01&until=2100-01-01",
        "?since=rubbish&actor=x&page=99",
        "?until=9999-12-31",
    ):
        assert line in words(nora.get(PAGE + query)), query
        assert line in nora.get(f"{PAGE}/entries.csv{query}").text
    for query in ("?actor=0", "?feature=raffle", "?text=50%25", "?since=2100-01-01"):
        assert "Nothing matches the filter" in words(nora.get(PAGE + query)), query
        assert line not in nora.get(f"{PAGE}/entries.csv{query}").text


def test_a_changed_setting_is_undone_once(site: Site) -> None:
    nora, entry_id = site.visitor("nora"), change_one(site)
    assert f"/{entry_id}/undo" in nora.get(PAGE).text
    assert nora.post(f"{PAGE}/{entry_id}/undo", page=PAGE).status_code == 303
    assert current(site) == ENABLED.default
    again = nora.post(f"{PAGE}/{entry_id}/undo", page=PAGE)
    assert again.status_code == 422
    assert "been changed since" in words(again)
    assert f"/{entry_id}/undo" not in nora.get(PAGE).text
    assert current(site) == ENABLED.default


def test_permissions_are_undone_by_admins_only(site: Site) -> None:
    with site.services.work_in(GUILD, IDS["nora"]) as work:
        guilds.grant(work, "raffle", 5)
        (entry,) = work.scalars(select(AuditEntry))
    site.discord.member("mia", roles=["Regular"])
    try:
        site.grant("Regular", "settings")
        mia, nora = site.visitor("mia"), site.visitor("nora")
        path = f"{PAGE}/{entry.id}/undo"
        assert path not in mia.get(PAGE).text
        assert mia.post(path, page=f"/g/{GUILD}/settings").status_code == 403
        assert path in nora.get(PAGE).text
        assert nora.post(path, page=PAGE).status_code == 303
        with site.services.work_in(GUILD) as work:
            assert "raffle" not in guilds.list_permissions(work)
    finally:
        site.discord.member("mia", roles=[])


def test_a_channel_that_is_gone_is_not_set_again(site: Site) -> None:
    with site.services.work_in(GUILD, IDS["nora"]) as work:
        guilds.change_setting(work, CHANNEL, 123)
        guilds.change_setting(work, CHANNEL, 0)
        entry = work.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
    refused = site.visitor("nora").post(f"{PAGE}/{entry.id}/undo", page=PAGE)
    assert refused.status_code == 422
    assert "no longer exists" in words(refused)
