"""A connected channel at the pretend Twitch."""

from tests.twitch.conftest import clean, installation, new_client, pretend, twitch  # noqa: F401
