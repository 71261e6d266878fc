"""`/mydata` and `/forgetme`: guesses and names are deleted, the statistics stay."""

from decimal import Decimal

from sqlalchemy import Connection

from core.bonus_hunt import actions
from core.privacy import actions as privacy
from tests.bonus_hunt.scene import HuntGuild
from tests.privacy.scene import KEPT, MADCATS, MIA, NAME, ask, forget


def test_a_forgotten_viewer_is_gone_from_hunt_and_message(tx: Connection, guild_id: int) -> None:
    guild = HuntGuild(tx, guild_id)
    viewer_id = guild.viewer(NAME, MADCATS, discord_id=MIA)
    guild.start("100")
    guild.do(actions.add_bonus, "Mental", "1", viewer_id)
    guild.collect()
    guild.do(actions.set_guessing, opened=True)
    guild.say("!guess 60", NAME, MADCATS)
    guild.say("!guess 90", "LeoLion", 8)
    guild.do(actions.open_hunt)
    guild.do(actions.record_result, "70")
    guild.do(actions.finish)
    assert guild.view.hunt.viewer_name == NAME
    assert NAME in str(guild.shown())

    collected = privacy.collect(tx, KEPT, ask(tx, guild_id))
    assert [guess["amount"] for guess in collected["bonus_hunt_guesses"]] == [Decimal(60)]
    assert [bonus["slot"] for bonus in collected["bonus_hunt_bonuses"]] == ["Mental"]
    assert [hunt["name"] for hunt in collected["bonus_hunts"]] == ["Friday"]

    edits = len(guild.posted("bonus_hunt.message"))
    forget(tx, guild_id)
    assert guild.guesses() == {"LeoLion": "90"}
    assert len(guild.posted("bonus_hunt.message")) > edits
    assert NAME not in str([message.payload for message in guild.posted()])
    view = guild.view
    assert (view.figures.returned, view.hunt.winning_guess) == (Decimal(70), Decimal(60))
    assert [view.hunt.viewer_name, view.bonuses[0].viewer_name] == [f"forgotten-{viewer_id}"] * 2
    assert "viewer" in guild.shown()["rows"][0]


def test_hunts_of_others_are_left_alone(tx: Connection, guild_id: int) -> None:
    guild = HuntGuild(tx, guild_id)
    guild.viewer(NAME, MADCATS, discord_id=MIA)
    guild.start("100")
    guild.do(actions.add_bonus, "Mental", "1", guild.viewer("LeoLion", 8))
    edits = len(guild.posted("bonus_hunt.message"))
    forget(tx, guild_id)
    assert len(guild.posted("bonus_hunt.message")) == edits
    assert guild.view.bonuses[0].viewer_name == "LeoLion"
