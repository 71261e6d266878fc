"""`!join <amount> [risk]`. Stakes are taken when a player joins, or all together at the lock if the
points provider answers later."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import select

from core.events import ChatMessageSent
from core.guilds.actions import load_settings
from core.guilds.chat_commands import names_of
from core.heist.panel import refresh_message
from core.heist.records import Heist, Player
from core.heist.rules import START_NAMES, HeistSettings, JoinRequest, Reason, parse_join
from core.heist.store import find_running, list_last_joined
from core.kit.database.records import ViewerId
from core.kit.database.work import Lock, Work
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.exclusions.store import without_excluded
from core.points import providers
from core.points.providers import Moved, Round
from core.points.store import list_accounts
from core.tiers.badges import badge_tier

GAME = "heist"

GRACE = timedelta(seconds=2)
"""How long to wait for messages that were sent in time."""


def join(work: Work, messages: Sequence[ChatMessageSent]) -> None:
    """Handle each `!join`, in order. The time of the message counts, not of its arrival; nothing is
    accepted after the lock."""
    viewer_ids = people.get_or_create_senders(work.tx, messages)
    work.lock(Lock.HEIST)
    heist = find_running(work)
    allowed = set(without_excluded(work.tx, messages, "everything"))
    applicants = []
    for message, viewer_id in zip(messages, viewer_ids, strict=True):
        if message not in allowed:
            continue
        if heist is not None and heist.state == "open" and message.is_since(heist.opened_at):
            applicants.append(_Applicant(message, viewer_id))
        else:
            _reply_no_heist(work, message, heist)
    if heist is None or not applicants:
        return
    crew = _Crew(work, heist, applicants)
    wanted: dict[int, _Applicant] = {}
    for applicant in applicants:
        applicant.reason = crew.check(applicant)
        if applicant.reason is None:
            wanted[applicant.viewer_id] = applicant
            crew.reserve(applicant)
        elif applicant.viewer_id not in wanted:
            crew.record_refused(applicant)
    if wanted:
        moved = None
        if not providers.answers_later(work):
            stakes = {viewer_id: applicant.stake for viewer_id, applicant in wanted.items()}
            key = f"{GAME}:{heist.number}:join:{next(iter(wanted.values())).message.key}"
            moved = providers.take(work, Round(GAME, heist.number), key, stakes)
        crew.record_joined(wanted.values(), moved)
        work.flush()
        refresh_message(work, heist)


def _reply_no_heist(work: Work, message: ChatMessageSent, heist: Heist | None) -> None:
    """Reply at most once a minute; stay silent where heists are off, because other bots have this
    command, too."""
    if not load_settings(work, HeistSettings).enabled or not providers.is_on(work):
        return
    reason = "none" if heist is None else "early" if heist.state == "open" else "late"
    command = names_of(work, START_NAMES)[0] if heist is None else message.command
    payload = {"reason": reason, "command": command}
    outbox.post_reply(work, message, "heist.not_joined", payload, once_a_minute=reason)


class _Applicant:
    """A join request."""

    def __init__(self, message: ChatMessageSent, viewer_id: ViewerId) -> None:
        self.message, self.viewer_id = message, viewer_id
        self.request: JoinRequest | None = None
        self.stake = 0
        self.reason: Reason | None = None


class _Crew:
    """The players of a heist, and the data needed to decide on a batch of joins."""

    def __init__(self, work: Work, heist: Heist, applicants: Sequence[_Applicant]) -> None:
        self._work, self._heist, self._settings = work, heist, heist.settings
        self._accounts = list_accounts(work, {applicant.viewer_id for applicant in applicants})
        theirs = select(Player).where(Player.heist == heist.number)
        self._players = {player.viewer_id: player for player in work.scalars(theirs)}
        self._joined = {
            player.viewer_id for player in self._players.values() if player.state != "refused"
        }
        self._cooldown = timedelta(seconds=self._settings.user_cooldown)
        everybody = {account for accounts in self._accounts.values() for account in accounts}
        self._last_joined = list_last_joined(work, everybody, heist.number, self._cooldown)

    def check(self, applicant: _Applicant) -> Reason | None:
        """The first reason to refuse; None if they can join. Sets the request and the stake."""
        accounts, settings = self._accounts[applicant.viewer_id], self._settings
        maximum = settings.max_participants
        if applicant.message.at >= self._heist.closes_at:
            return "late"
        if not self._joined.isdisjoint(accounts):
            return "joined"
        lately = [
            self._last_joined[account] for account in accounts if account in self._last_joined
        ]
        if lately and self._work.now < max(lately) + self._cooldown:
            return "cooldown"
        if 0 < maximum <= len(self._joined):
            return "full"
        if not applicant.message.argument:
            return "usage"
        applicant.request = parse_join(applicant.message.argument, settings)
        if applicant.request is None:
            return "amount"
        applicant.stake = applicant.request.amount
        if applicant.request.share is not None:
            balance = providers.balance_of(self._work, applicant.viewer_id)
            if balance is None:
                return "share"
            applicant.stake = applicant.request.stake(balance)
            if applicant.request.share == 1:
                applicant.stake = min(applicant.stake, settings.max_bet)
        if applicant.stake < settings.min_bet:
            return "low" if applicant.request.share is None else "balance"
        return "high" if applicant.stake > settings.max_bet else None

    def reserve(self, applicant: _Applicant) -> None:
        """Count a player as joined, so that nobody joins twice in one batch."""
        self._joined.add(applicant.viewer_id)

    def record_refused(self, applicant: _Applicant, reason: Reason | None = None) -> None:
        """Store a refusal, unless the viewer has already joined."""
        player = self._players.get(applicant.viewer_id)
        if player is not None and player.state != "refused":
            return
        player = self._player_of(applicant)
        player.state, player.reason, player.stake = "refused", reason or applicant.reason, 0

    def record_joined(self, wanted: Iterable[_Applicant], moved: Moved | None) -> None:
        """Add them to the crew, except those whose stake was refused."""
        for applicant in wanted:
            refusal = moved.refused.get(applicant.viewer_id) if moved else None
            if refusal is not None:
                self.record_refused(applicant, refusal)
                continue
            player = self._player_of(applicant)
            player.state = "pending" if moved is None else "in"
            player.reason, player.stake = None, applicant.stake
            assert applicant.request is not None, "set by `check`"
            player.risk = applicant.request.risk
            sender = applicant.message.sender
            player.badge_tier = badge_tier(sender.badges, sender.subscriber_version)

    def _player_of(self, applicant: _Applicant) -> Player:
        player = self._players.get(applicant.viewer_id)
        if player is None:
            player = Player(
                heist=self._heist.number,
                viewer_id=applicant.viewer_id,
                state="refused",
                platform=applicant.message.platform,
                joined_at=applicant.message.at,
            )
            self._work.add(player)
            self._players[applicant.viewer_id] = player
        player.joined_at = applicant.message.at
        return player
