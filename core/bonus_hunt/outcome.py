"""The winning guess: announced when a hunt ends, and revoked when it is reopened."""

from typing import Any

from core.bonus_hunt.records import Hunt
from core.bonus_hunt.rules import GUESS_NAMES, Guessed, HuntSettings, best_guess
from core.bonus_hunt.store import get_view, list_guesses
from core.events import GuessWinRevoked, GuessWon
from core.guilds.actions import load_settings
from core.guilds.chat_commands import names_of
from core.inbox import actions as inbox
from core.kit.database.records import ViewerId
from core.kit.database.work import Work
from core.people.chats import say_in_chats
from core.people.exclusions.store import select_excluded
from core.people.names import public_name


def award_best_guess(work: Work, hunt: Hunt) -> None:
    """Find the best guess, if any bonus was opened, and announce it."""
    balance = get_view(work, hunt.number).figures
    excluded = list_excluded(work)
    guesses = {guess.viewer_id: guess for guess in list_guesses(work, hunt.number)}
    best = best_guess(
        [
            Guessed(viewer_id, guess.amount, guess.at)
            for viewer_id, guess in guesses.items()
            if viewer_id not in excluded
        ],
        balance.returned,
    )
    if best is None or not balance.opened:
        return
    hunt.viewer_id, hunt.winning_guess = ViewerId(best.viewer_id), best.amount
    hunt.wins += 1
    tickets = load_settings(work, HuntSettings).prize_tickets
    inbox.publish(
        work.tx,
        GuessWon(
            key=_win_key(hunt),
            guild_id=work.guild_id,
            at=work.now,
            viewer_id=best.viewer_id,
            hunt=hunt.number,
            tickets=tickets,
        ),
    )
    result = {
        "viewer": public_name(work, best.viewer_id),
        "amount": str(best.amount),
        "returned": str(balance.returned),
        "tickets": tickets,
    }
    announce(work, hunt, "won", result)


def list_excluded(work: Work) -> set[int]:
    """Viewers who are excluded from everything, and so from guessing."""
    found = work.tx.execute(select_excluded(work.guild_id, "everything"))
    return {row.viewer_id for row in found}


def revoke_win(work: Work, hunt: Hunt) -> None:
    """Revoke the win of a reopened hunt."""
    if hunt.viewer_id is None:
        return
    hunt.viewer_id = hunt.winning_guess = None
    key = _win_key(hunt)
    revoked = GuessWinRevoked(key=key, guild_id=work.guild_id, at=work.now, of=key)
    inbox.publish(work.tx, revoked)


def _win_key(hunt: Hunt) -> str:
    return f"{hunt.number}:{hunt.wins}"


def announce(work: Work, hunt: Hunt, state: str, details: dict[str, Any]) -> None:
    payload = {"state": state, "title": hunt.name, "currency": hunt.currency, **details}
    payload["command"] = names_of(work, GUESS_NAMES)[0]
    key = f"bonus_hunt.guesses:{hunt.number}:{hunt.version}"
    say_in_chats(work, "bonus_hunt.guesses", key, payload)
