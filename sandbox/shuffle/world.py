"""The players who signed up under somebody's campaign code, and what they wagered in all."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults, FaultTable

TOKEN = "b7c0e6d2-pretend"
CODE = "NORA"

FAULTS: FaultTable = {
    "shuffle.down": (False, "Shuffle answers 503."),
    "shuffle.busy_s": (0, "Shuffle answers 429 with this many seconds in Retry-After."),
    "shuffle.busy_object": (False, "Shuffle answers 200 with TOO_MANY_REQUEST."),
    "shuffle.error_object": (False, "Shuffle answers 200 with an error object."),
    "shuffle.page": (False, "Shuffle answers with a web page instead of JSON."),
    "shuffle.empty": (False, "Shuffle lists no players."),
    "shuffle.leaves_out": ("", "Shuffle leaves out this player."),
    "shuffle.twice": (False, "Every player is listed twice, once with an older total."),
    "shuffle.zeroes": (False, "Every total is zero."),
    "shuffle.slow_s": (0.0, "Seconds until Shuffle answers."),
}


@dataclass
class Player:
    """Somebody who signed up under a code. `before` is what they had before their last bet."""

    username: str
    campaign_code: str
    wagered: Decimal
    before: Decimal = Decimal(0)


class FakeShuffle:
    """The players, and how often the address was asked.

    Args:
        changes: gets every wager.
        faults: where it declares its own.
        base_url: the sandbox's address.
    """

    def __init__(self, changes: ChangeFeed, faults: Faults, base_url: str) -> None:
        faults.declare(FAULTS)
        self.changes = changes
        self.faults = faults
        self.asked = 0
        self._base_url = base_url
        self._players: dict[str, Player] = {}
        for name, wagered in (("MiaSpins", "1250.5"), ("leo_77", "90"), ("Yuki", "0")):
            self.set(name, CODE, Decimal(wagered))
        self.set("ZedElsewhere", "OTHER", Decimal("31000.25"))

    def env(self) -> dict[str, str]:
        """The product's settings that lead it here."""
        return {
            "SHUFFLE_AFFILIATE_URL": f"{self._base_url}/shuffle/stats/{TOKEN}",
            "SHUFFLE_CAMPAIGN_CODE": CODE,
        }

    def set(self, username: str, code: str, wagered: Decimal) -> Player:
        """The player has wagered so much in all, whatever it was before."""
        known = self._players.get(username)
        before = known.wagered if known else wagered
        player = Player(username, code, wagered, min(before, wagered))
        self._players[username] = player
        self.changes.publish("shuffle.player")
        return player

    def wager(self, username: str, amount: Decimal) -> Player:
        """The player wagers more. KeyError when nobody is called so."""
        player = self._players[username]
        return self.set(username, player.campaign_code, player.wagered + amount)

    def told(self) -> str:
        """The answer as JSON text; amounts to the last digit."""
        lines = [self._line(player, player.wagered) for player in self._listed()]
        if self.faults.flag("shuffle.twice"):
            lines += [self._line(player, player.before) for player in self._listed()]
        return f"[{','.join(lines)}]"

    def _listed(self) -> list[Player]:
        """Never in the same order twice running."""
        if self.faults.flag("shuffle.empty"):
            return []
        left_out = self.faults.get("shuffle.leaves_out")
        players = [one for one in self._players.values() if one.username != left_out]
        turn = self.asked % max(1, len(players))
        return players[turn:] + players[:turn]

    def _line(self, player: Player, wagered: Decimal) -> str:
        amount = Decimal(0) if self.faults.flag("shuffle.zeroes") else wagered
        username, code = json.dumps(player.username), json.dumps(player.campaign_code)
        return f'{{"username":{username},"campaignCode":{code},"wagerAmount":{amount:f}}}'

    def snapshot(self) -> dict[str, Any]:
        """Everything, for the control API."""
        return {
            "asked": self.asked,
            "players": [
                {
                    "username": player.username,
                    "campaign_code": player.campaign_code,
                    "wagered": str(player.wagered),
                }
                for player in self._players.values()
            ],
        }
