"""A connected channel at the pretend Twitch."""

from tests.twitch.conftest import clean, new_client, office, pretend, twitch  # noqa: F401
