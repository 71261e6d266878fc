"""A connected channel on the fake Twitch."""

from tests.twitch.conftest import clean, installation, new_client, pretend, twitch  # noqa: F401
