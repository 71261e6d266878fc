"""From Shuffle's reports to tickets in a raffle, whatever Shuffle does in between.

Twenty tickets for each $1,000 are one for each whole $50. What both had wagered before they were
verified, 1,250.50 and 90, never counts.

                                              mia            together   tickets
    a bet                                      49.99             49.99        0
    another                                     0.01             50.00        1
    while Shuffle is down                     925.00            975.00       19
    while it says an error under HTTP 200      25.00          1,000.00       20
    while it asks for peace (429)             333.33          1,333.33       26
    sent twice in one answer                   16.67          1,350.00       27
    asked by two processes at once             50.00          1,400.00       28
    after the total fell to 600, counted
      by an admin                              99.99          1,499.99       29

    leo: 1,000.10, all of it while Shuffle is down                           20

Mia has 29 of 49 tickets, which is 59.2 %.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.guilds import store as guilds
from core.guilds.settings import TIME_ZONE
from sandbox.discord.seed import NORAS_CORNER_ID, channel_id
from sandbox.kick.signing import SigningKey
from sandbox.shuffle import ShuffleDriver
from tests.patience import until
from tests.stories.links import link
from tests.stories.stage import GUILD, Stage, open_stage, title, where_it_is_noon
from tests.stories.test_raffle import has, own
from tests.stories.test_wagers import VIEWERS, counts, looked, said, verified

RAFFLE, ADMINS = "raffle", "bot-log"
SETTINGS = {
    "TOKEN_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "RAFFLE_ANNOUNCEMENT_CHANNEL_ID": str(channel_id(NORAS_CORNER_ID, RAFFLE)),
    "WAGER_CHECK_SECONDS": "1",
}


@pytest.fixture
def stage(tmp_path: Path, postgres_url: str, signing_key: SigningKey) -> Iterator[Stage]:
    """A raffle has begun; mia, a viewer on Kick, and leo on Twitch are verified at Shuffle."""
    with open_stage(tmp_path, postgres_url, signing_key, **SETTINGS) as opened:
        opened.waits = {"task:wagers.poll": 0.25}
        opened.start().wait_well()
        opened.discord.wait_command("shuffle status")
        with opened.database.begin() as tx:
            guilds.set_setting(tx, GUILD, TIME_ZONE.key, where_it_is_noon(), 1)
            admins = channel_id(NORAS_CORNER_ID, ADMINS)
            guilds.set_setting(tx, GUILD, "kick.admin_channel", admins, 1)
        assert "is open" in said(opened, "nora", "rafflestart")["title"]
        for (person, platform), username in zip(VIEWERS, ("MiaSpins", "leo_77"), strict=True):
            link(opened, person, platform=platform)
            verified(opened, person, username)
        yield opened


def test_wagers_become_tickets(stage: Stage) -> None:
    shuffle = ShuffleDriver(stage.kick.base_url)
    shuffle.wager("MiaSpins", "49.99")
    counts(stage, "49.99")
    shuffle.wager("MiaSpins", "0.01")
    has(stage, "mia", 1)

    shuffle.fault(down=True)
    shuffle.wager("MiaSpins", "925")
    shuffle.wager("leo_77", "1000.10")
    shown_to_admins(stage, "is not responding right now", "HTTP 503")
    counts(stage, "50")
    shuffle.reset_faults()
    has(stage, "mia", 19)
    has(stage, "leo", 20)

    shuffle.fault(error_object=True)
    shuffle.wager("MiaSpins", "25")
    shown_to_admins(stage, "is not responding right now", "it answered: Internal error")
    shuffle.reset_faults()
    has(stage, "mia", 20)

    shuffle.fault(busy_s=2)
    shuffle.wager("MiaSpins", "333.33")
    shown_to_admins(stage, "is not responding right now", "too many requests")
    shuffle.reset_faults()
    has(stage, "mia", 26)

    shuffle.fault(twice=True)
    shuffle.wager("MiaSpins", "16.67")
    has(stage, "mia", 27)
    looked(shuffle)
    shuffle.reset_faults()

    alone = processes(stage)
    stage.start_bot("helper")
    until(lambda: processes(stage) > alone, "a second process")
    shuffle.wager("MiaSpins", "50")
    has(stage, "mia", 28)
    looked(shuffle, 4)

    shuffle.player("MiaSpins", "600")
    fell = stage.discord.wait_for(ADMINS, lambda m: "Unusual totals" in title(m))
    assert "$2,650.50 → $600.00" in fell["embeds"][0]["description"]
    shuffle.wager("MiaSpins", "99")
    shown_to_admins(stage, "", "$99.00 held")
    shuffle.wager("MiaSpins", "0.99")
    shown_to_admins(stage, "", "$99.99 held")
    number = stage.scalar("SELECT max(id) FROM wagers_changes")
    assert "Counted $99.99" in said(stage, "nora", "shuffle count", number=number)["title"]
    has(stage, "mia", 29)

    as_by_hand(stage)


def processes(stage: Stage) -> int:
    return int(stage.scalar("SELECT count(DISTINCT process) FROM health_heartbeats"))


def shown_to_admins(stage: Stage, words: str, reason: str) -> None:
    """Until an admin who asks reads this."""

    def shown() -> bool:
        status = said(stage, "nora", "shuffle status")
        return words in str(status["description"]) and reason in str(status["fields"])

    until(shown, f"“{words}”, because “{reason}”")


def as_by_hand(stage: Stage) -> None:
    """What counted, what is in the ledger, and what people see of it."""
    counts(stage, "2500.09")
    entries = stage.rows(
        "SELECT v.name, sum(e.amount), count(*), count(DISTINCT e.source_key)"
        " FROM raffle_entries e JOIN people_viewers v USING (guild_id, viewer_id)"
        " WHERE e.source = 'wager' GROUP BY v.name"
    )
    assert sorted(entries) == [("MadCats", 29, 7, 7), ("lil_bean", 20, 1, 1)]
    assert own(stage, "mia").startswith(
        "## 29 tickets\n🥇 rank **1** of 2 · chance **59.2%** of 49 tickets"
    )
    assert own(stage, "leo").startswith("## 20 tickets\n🥈 rank **2** of 2")
    board = stage.asked("yuki", "!raffleboard", RAFFLE)
    assert "49 tickets" in str(board)
    assert str(board).index("MadCats") < str(board).index("lil")
    titles = [title(post) for post in stage.discord.transcript(RAFFLE) if post["author"] == "bot"]
    nobody_elses_business = [title for title in titles if "Raffle #1" not in title]
    assert nobody_elses_business == []
