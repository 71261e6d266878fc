"""Fixtures of VIPs: a connected channel at the pretend Twitch, and the runner."""

import pytest

from tests.twitch.conftest import clean, new_client, office, pretend, twitch  # noqa: F401
from tests.twitch.rig import Office
from tests.vips.rig import Scene, open_scene


@pytest.fixture
def scene(office: Office) -> Scene:  # noqa: F811
    """The streamer has connected; nothing is done until `scene.work()`."""
    return open_scene(office)
