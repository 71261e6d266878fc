"""`!join <amount> [risk]`. Stakes are taken when somebody joins, or all together at the lock if the
provider of points answers later."""

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
"""How late a message that was sent in time may arrive."""


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
            _say_why_not(work, message, heist)
    if heist is None or not applicants:
        return
    crew = _Crew(work, heist, applicants)
    wanted: dict[int, _Applicant] = {}
    for one in applicants:
        one.reason = crew.check(one)
        if one.reason is None:
            wanted[one.viewer_id] = one
            crew.reserve(one)
        elif one.viewer_id not in wanted:
            crew.record_refused(one)
    if wanted:
        moved = None
        if not providers.answers_later(work):
            stakes = {viewer_id: one.stake for viewer_id, one in wanted.items()}
            key = f"{GAME}:{heist.number}:join:{next(iter(wanted.values())).message.key}"
            moved = providers.take(work, Round(GAME, heist.number), key, stakes)
        crew.record_joined(wanted.values(), moved)
        work.flush()
        refresh_message(work, heist)


def _say_why_not(work: Work, message: ChatMessageSent, heist: Heist | None) -> None:
    """Once a minute for all; silent where there are no heists, because other bots have the command,
    too."""
    if not load_settings(work, HeistSettings).enabled or not providers.is_on(work):
        return
    reason = "none" if heist is None else "early" if heist.state == "open" else "late"
    command = names_of(work, START_NAMES)[0] if heist is None else message.command
    payload = {"reason": reason, "command": command}
    outbox.post_reply(work, message, "heist.not_joined", payload, once_a_minute=reason)


class _Applicant:
    """Somebody who wants to join."""

    def __init__(self, message: ChatMessageSent, viewer_id: ViewerId) -> None:
        self.message, self.viewer_id = message, viewer_id
        self.request: JoinRequest | None = None
        self.stake = 0
        self.reason: Reason | None = None


class _Crew:
    """The players of a heist, and what decides about a batch of joins."""

    def __init__(self, work: Work, heist: Heist, applicants: Sequence[_Applicant]) -> None:
        self._work, self._heist, self._settings = work, heist, heist.settings
        self._accounts = list_accounts(work, {applicant.viewer_id for applicant in applicants})
        theirs = select(Player).where(Player.heist == heist.number)
        self._players = {one.viewer_id: one for one in work.scalars(theirs)}
        self._joined = {one for one, player in self._players.items() if player.state != "refused"}
        self._cooldown = timedelta(seconds=self._settings.user_cooldown)
        everybody = {account for accounts in self._accounts.values() for account in accounts}
        self._last_joined = list_last_joined(work, everybody, heist.number, self._cooldown)

    def check(self, one: _Applicant) -> Reason | None:
        """The first reason to refuse; None if they can join. Sets the request and the stake."""
        accounts, settings = self._accounts[one.viewer_id], self._settings
        maximum = settings.max_participants
        if one.message.at >= self._heist.closes_at:
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
        if not one.message.argument:
            return "usage"
        one.request = parse_join(one.message.argument, settings)
        if one.request is None:
            return "amount"
        one.stake = one.request.amount
        if one.request.share is not None:
            balance = providers.balance_of(self._work, one.viewer_id)
            if balance is None:
                return "share"
            one.stake = one.request.stake(balance)
            if one.request.share == 1:
                one.stake = min(one.stake, settings.max_bet)
        if one.stake < settings.min_bet:
            return "low" if one.request.share is None else "balance"
        return "high" if one.stake > settings.max_bet else None

    def reserve(self, one: _Applicant) -> None:
        """Count somebody as joined, so that nobody joins twice in one batch."""
        self._joined.add(one.viewer_id)

    def record_refused(self, one: _Applicant, reason: Reason | None = None) -> None:
        """Store a refusal, unless they have joined already."""
        player = self._players.get(one.viewer_id)
        if player is not None and player.state != "refused":
            return
        player = self._player_of(one)
        player.state, player.reason, player.stake = "refused", reason or one.reason, 0

    def record_joined(self, wanted: Iterable[_Applicant], moved: Moved | None) -> None:
        """Add them to the crew, except those whose stake was refused."""
        for one in wanted:
            refusal = moved.refused.get(one.viewer_id) if moved else None
            if refusal is not None:
                self.record_refused(one, refusal)
                continue
            player = self._player_of(one)
            player.state = "pending" if moved is None else "in"
            player.reason, player.stake = None, one.stake
            assert one.request is not None, "set by `check`"
            player.risk = one.request.risk
            sender = one.message.sender
            player.badge_tier = badge_tier(sender.badges, sender.subscriber_version)

    def _player_of(self, one: _Applicant) -> Player:
        player = self._players.get(one.viewer_id)
        if player is None:
            player = Player(
                heist=self._heist.number,
                viewer_id=one.viewer_id,
                state="refused",
                platform=one.message.platform,
                joined_at=one.message.at,
            )
            self._work.add(player)
            self._players[one.viewer_id] = player
        player.joined_at = one.message.at
        return player
