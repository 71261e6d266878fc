"""Fixtures of VIPs: a connected channel on the fake Twitch, and the runner."""

import pytest

from tests.twitch.conftest import clean, installation, new_client, pretend, twitch  # noqa: F401
from tests.twitch.rig import Installation
from tests.vips.rig import Scene, open_scene


@pytest.fixture
def scene(installation: Installation) -> Scene:  # noqa: F811
    """The streamer has connected; nothing is done until `scene.work()`."""
    return open_scene(installation)
