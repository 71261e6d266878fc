"""The website's own API."""

import json
from typing import Any

import requests

from tests.patience import PATIENCE
from tests.sandbox.kick_harness import NORA, Kick


def get(kick: Kick, path: str) -> requests.Response:
    return requests.get(f"{kick.env['KICK_SITE_URL']}/api/v2/channels/{path}", timeout=PATIENCE)


def test_channel_has_three_ids(kick: Kick) -> None:
    body = get(kick, "noraplays").json()
    assert (body["id"], body["user_id"], body["chatroom"]["id"]) == (2_100_001, NORA, 3_100_001)
    assert body["slug"] == "noraplays"
    assert body["livestream"] is None
    assert body["user"]["username"] == "NoraPlays"


def test_live_channel_has_its_livestream(kick: Kick) -> None:
    kick.driver.live(title="Slots!")
    livestream = get(kick, "noraplays").json()["livestream"]
    assert (livestream["session_title"], livestream["viewer_count"]) == ("Slots!", 42)
    assert isinstance(livestream["id"], int)


def test_unknown_channel_is_404(kick: Kick) -> None:
    assert get(kick, "nobody").status_code == 404


def history(kick: Kick, channel_id: int) -> list[dict[str, Any]]:
    return list(get(kick, f"{channel_id}/messages").json()["data"]["messages"])


def test_history_is_newest_first_with_the_same_ids(kick: Kick) -> None:
    first = kick.driver.chat("mia", "one")
    second = kick.driver.chat("leo", "two", reply_to=first)
    deleted = kick.driver.chat("leo", "three")
    kick.driver.delete_message(deleted)
    kick.driver.chat("leo", "elsewhere", channel="vera")
    messages = history(kick, 2_100_001)
    assert [message["id"] for message in messages] == [second, first]
    assert [message["type"] for message in messages] == ["reply", "message"]
    assert messages[0]["sender"]["slug"] == "lil-bean"
    metadata = messages[0]["metadata"]
    assert isinstance(metadata, str)
    assert json.loads(metadata)["original_message"] == {"id": first, "content": "one"}


def test_history_has_at_most_50_messages(kick: Kick) -> None:
    for number in range(60):
        kick.driver.chat("mia", str(number))
    messages = history(kick, 2_100_001)
    assert len(messages) == 50
    assert messages[0]["content"] == "59"


def test_cloudflare_block_is_403(kick: Kick) -> None:
    kick.driver.fault(site__cloudflare_403=True)
    for path in ("noraplays", "2100001/messages"):
        answer = get(kick, path)
        assert answer.status_code == 403
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "Just a moment" in answer.text


def test_pictures_are_svg(kick: Kick) -> None:
    for name in ("user-4100003.svg", "category-28.svg", "nonsense"):
        answer = requests.get(f"{kick.env['KICK_SITE_URL']}/images/{name}", timeout=PATIENCE)
        assert answer.headers["Content-Type"].startswith("image/svg+xml")
        assert answer.text.startswith("<svg")
