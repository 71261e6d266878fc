"""Timed work: tokens are renewed, chatrooms looked up, old links forgotten."""

from core.kick.accounts import channels, connect, tokens
from core.kit.feature import Task
from core.kit.services import Services


def tidy(services: Services) -> None:
    """Look up what is not known yet; forget the links of yesterday."""
    connect.forget_old_attempts(services)
    channels.look_up_missing(services)


TASKS = (
    Task("kick.tokens", every=lambda _settings: 60, run=tokens.renew_due),
    Task("kick.channels", every=lambda _settings: 600, run=tidy),
)
"""A token is due ten minutes before its end, so that nine runs may fail."""
