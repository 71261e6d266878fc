"""Queries about heists and their players."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text

from core.heist.records import RUNNING, Heist, Player
from core.heist.rules import HeistSettings, Tier, tier_label
from core.heist.tiers import tiers_of
from core.kit.database.work import ACROSS_GUILDS, Work, read_records

MAX_HEISTS = 50
"""In the history."""

IS_RUNNING = Heist.state.in_(RUNNING)
IN_CREW = Player.state != "refused"
_RELOAD = {"populate_existing": True}
"""Reload viewers' names, which may have changed."""


@dataclass(frozen=True, slots=True)
class View:
    """A heist with its crew and the refused players, in the order of joining.

    Attributes:
        tiers: viewer id -> tier, of the crew.
    """

    heist: Heist
    crew: Sequence[Player]
    refused: Sequence[Player]
    tiers: Mapping[int, Tier]
    settings: HeistSettings

    def tier_label(self, player: Player) -> str:
        """A player's tier with its bonus; empty for none."""
        tier = self.tiers[player.viewer_id]
        return tier_label(tier, self.settings.bonus(tier))

    @property
    def staked(self) -> int:
        """The stakes of the crew."""
        return sum(player.stake for player in self.crew)

    @property
    def owed(self) -> int:
        """The points that the provider refused to pay."""
        return sum(player.owed for player in (*self.crew, *self.refused))

    @property
    def winners(self) -> list[Player]:
        """The highest winnings first."""
        won = [player for player in self.crew if player.won]
        return sorted(won, key=lambda player: (player.stake - player.payout, player.viewer_id))


def find_running(work: Work) -> Heist | None:
    """The running heist."""
    return work.scalar(select(Heist).where(IS_RUNNING))


def find_newest(work: Work) -> Heist | None:
    """The running heist, or the last one."""
    return work.scalar(select(Heist).order_by(Heist.number.desc()).limit(1))


def find_view(work: Work, number: int | None = None) -> View | None:
    """A heist with its players; by default the newest."""
    heist = find_newest(work) if number is None else work.find(Heist, number)
    if heist is None:
        return None
    theirs = select(Player).where(Player.heist == heist.number)
    in_order = theirs.order_by(Player.joined_at, Player.viewer_id)
    players = work.scalars(in_order, execution_options=_RELOAD).all()
    crew = [player for player in players if player.state != "refused"]
    refused = [player for player in players if player.state == "refused"]
    return View(heist, crew, refused, tiers_of(work, crew), heist.settings)


def list_heists(work: Work, maximum: int = MAX_HEISTS) -> Sequence[Heist]:
    """Newest first."""
    return work.scalars(select(Heist).order_by(Heist.number.desc()).limit(maximum)).all()


def list_unfinished(tx: Connection) -> Sequence[Heist]:
    """Unfinished heists of all servers."""
    found = select(Heist).where(Heist.state.not_in(("done", "cancelled")))
    return read_records(tx, found.execution_options(**ACROSS_GUILDS))


def list_owing(tx: Connection) -> list[tuple[int, int]]:
    """Guild and number of heists whose players are owed points."""
    owing = select(Player.guild_id, Player.heist).where(Player.owed > 0).distinct()
    found = tx.execute(
        owing.order_by(Player.guild_id, Player.heist), execution_options=ACROSS_GUILDS
    )
    return [(guild_id, number) for guild_id, number in found]


def count_crew(work: Work, number: int | None = None) -> tuple[int, int]:
    """Players and their stakes, of a heist or of the running one."""
    running = select(Heist.number).where(IS_RUNNING).scalar_subquery()
    heist = running if number is None else number
    found = select(func.count(), func.coalesce(func.sum(Player.stake), 0))
    players, staked = work.execute(found.where(Player.heist == heist, IN_CREW)).one()
    return players, int(staked)


_LAST_JOINED = text("""
    SELECT p.viewer_id, max(p.joined_at) AS at
      FROM heist_players p
     WHERE p.guild_id = :guild_id AND p.viewer_id = ANY(CAST(:viewer_ids AS bigint[]))
       AND p.heist <> :number AND p.state = 'in' AND p.joined_at > :since AND p.won IS NOT NULL
     GROUP BY p.viewer_id
""")


def list_last_joined(
    work: Work, viewer_ids: Collection[int], number: int, cooldown: timedelta
) -> dict[int, datetime]:
    """When these accounts last joined an earlier heist that was decided, within the cooldown."""
    given = {
        "guild_id": work.guild_id,
        "viewer_ids": list(viewer_ids),
        "number": number,
        "since": work.now - cooldown,
    }
    return dict(work.tx.execute(_LAST_JOINED, given).all())


_LIST_ACCOUNTS = text("""
    SELECT p.viewer_id, v.platform || ':' || v.platform_user_id AS account
      FROM heist_players p
      JOIN people_viewers v ON v.guild_id = p.guild_id AND v.viewer_id = p.viewer_id
     WHERE p.guild_id = :guild_id AND p.heist = :number AND p.state = 'in'
       AND v.platform_user_id > 0
""")


def list_account_names(work: Work, number: int) -> dict[int, str]:
    """Viewer id -> account such as `kick:123`, of players whose data was not deleted."""
    given = {"guild_id": work.guild_id, "number": number}
    return dict(work.tx.execute(_LIST_ACCOUNTS, given).all())


def list_player_ids(work: Work, number: int) -> list[int]:
    """The viewers who have joined a heist."""
    return list(work.scalars(select(Player.viewer_id).where(Player.heist == number)))


_SET_FROZEN = text("""
    UPDATE heist_players AS p SET tier = new.tier, pseudonym = new.pseudonym
      FROM jsonb_to_recordset(CAST(:rows AS jsonb))
           AS new (viewer_id bigint, tier text, pseudonym text)
     WHERE p.guild_id = :guild_id AND p.heist = :number AND p.viewer_id = new.viewer_id
""")

_SET_ROLLED = text("""
    UPDATE heist_players AS p
       SET won = new.won, multiplier = new.multiplier, payout = new.payout
      FROM jsonb_to_recordset(CAST(:rows AS jsonb))
           AS new (viewer_id bigint, won boolean, multiplier integer, payout bigint)
     WHERE p.guild_id = :guild_id AND p.heist = :number AND p.viewer_id = new.viewer_id
""")


def set_frozen(work: Work, number: int, rows: str) -> None:
    """Store tiers and pseudonyms, from JSON."""
    work.tx.execute(_SET_FROZEN, {"guild_id": work.guild_id, "number": number, "rows": rows})
    work.expire_all()


def set_rolled(work: Work, number: int, rows: str) -> None:
    """Store the results, from JSON."""
    work.tx.execute(_SET_ROLLED, {"guild_id": work.guild_id, "number": number, "rows": rows})
    work.expire_all()
