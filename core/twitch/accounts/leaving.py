"""Things features have left on Twitch that cannot be changed once Twitch is disconnected."""

from collections.abc import Callable
from dataclasses import dataclass

from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _


@dataclass(frozen=True, slots=True)
class Leaving:
    """A feature's part.

    Attributes:
        describe: returns what is left on Twitch, in a sentence; "" for nothing.
        end_first: end it; the feature disconnects the streamer's account afterwards. Raises
            Refusal if it cannot.
        keep: leave it as it is on Twitch; called whenever the account is disconnected.
    """

    describe: Callable[[Work], str]
    end_first: Callable[[Work], object]
    keep: Callable[[Work], object]


LEAVING: list[Leaving] = []
"""Features add theirs."""


def describe(work: Work) -> str:
    """Everything that would stay on Twitch; "" for nothing."""
    return " ".join(filter(None, (part.describe(work) for part in LEAVING)))


def end_first(work: Work) -> str:
    """End all of it, and disconnect afterwards; returns what it was, "" for nothing."""
    there_was = describe(work)
    for part in LEAVING:
        if part.describe(work):
            part.end_first(work)
    return there_was


def keep(work: Work) -> None:
    """Leave it on Twitch."""
    for part in LEAVING:
        part.keep(work)


def require_nothing(work: Work, name: str) -> None:
    """Before another channel replaces the server's. Raises Refusal if something would stay."""
    if held := describe(work):
        raise Refusal(
            _("{name} is another channel than before. {held}").format(name=name, held=held),
            _("Run `/disconnect_twitch` first, and choose what happens to that."),
        )
