"""Texts on what a draw's random number proves. All features use them, so that no message claims too
much: someone who runs their own beacon could know the result.

`is_public` is whether a round of the public beacon decides that nobody could know at the freeze
(`core.draws.snapshot.is_public`), or of a plan whether the public beacon is meant at all.
"""

from core.kit.text.words import _

PUBLIC_BEACON = "https://api.drand.sh"
"""Where anyone can query it."""


def round_words(is_public: bool, number: int, when: str) -> str:
    """The beginning of a sentence."""
    words = (
        _("Round **{round}** of the public beacon [drand](https://drand.love), published {when},")
        if is_public
        else _("Round **{round}** of a beacon that is not the public one, published {when},")
    )
    return words.format(round=number, when=when)


def decides_words(is_public: bool, number: int, when: str) -> str:
    """A round that is still to come."""
    words = (
        _("Round **{round}** of the public beacon [drand](https://drand.love) decides {when}.")
        if is_public
        else _("Round **{round}** of a beacon that is not the public one decides {when}.")
    )
    return words.format(round=number, when=when) + warning_words(is_public)


def decided_words(is_public: bool, number: int) -> str:
    """A round, for any place in a sentence."""
    words = (
        _("Decided by round **{round}** of the public beacon")
        if is_public
        else _("Decided by round **{round}** of a beacon that is not the public one")
    )
    return words.format(round=number) + warning_words(is_public)


def warning_words(is_public: bool) -> str:
    """The meaning of a draw with another beacon, on its own line."""
    if is_public:
        return ""
    return "\n⚠️ " + _("Whoever runs that beacon could know the result in advance.")


def drawn_words(is_public: bool) -> str:
    """How a winner was drawn."""
    if is_public:
        return _("drawn with the public beacon")
    return "⚠️ " + _("drawn WITHOUT the public beacon")


def promise_words(with_beacon: bool, is_public: bool) -> str:
    """How a draw will be decided, for the confirmation before it."""
    if not with_beacon:
        return "⚠️ " + _(
            "Winners are drawn right away **without the public beacon**, and the announcement "
            "says so."
        )
    if is_public:
        return _(
            "The winner is drawn automatically with a public random number that is published at "
            "least 5 minutes later."
        )
    return _(
        "The winner is drawn automatically with a number of a beacon that is **not the public "
        "one**."
    ) + warning_words(is_public)
