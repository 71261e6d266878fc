"""The streamer's channel on either platform, for stories that happen on both."""

import html
import re
from typing import Protocol
from urllib.parse import urljoin

import requests

from core.kit.runtime.settings import read_settings
from core.twitch.bodies import KINDS
from core.twitch.eventsub.reconcile import secret_of
from sandbox.discord.seed import VERAS_DEN_ID
from sandbox.kick.driver import KickDriver
from sandbox.people import BY_HANDLE
from sandbox.twitch.driver import TwitchDriver
from tests.stories.direct_messages import direct_messages, next_direct_message, url_in
from tests.stories.product import Json
from tests.stories.stage import GUILD, Stage
from tests.stories.webhooks import TwitchWebhookSender

PLATFORMS = ("kick", "twitch")
GUILDS = {"Nora's Corner": GUILD, "Vera's Den": VERAS_DEN_ID}


class ChannelDriver(Protocol):
    """What viewers and the streamer do, and where it can be found in the inbox.

    Attributes:
        title: of the platform, as posts name it.
        chat_kind: of a chat message's delivery.
        message_id: SQL for the id of a chat message in a delivery's body.
    """

    title: str
    chat_kind: str
    message_id: str

    def account(self, handle: str, name: str) -> int:
        """Somebody new; their user id."""

    def say(self, person: str, text: str, at: str | None = None) -> str:
        """Write in chat; returns the message id."""

    def go_live(self, started_at: str | None = None) -> None: ...

    def end(self) -> None:
        """End the stream."""

    def gift(self, giver: str | None, count: int) -> None:
        """Gift subscriptions to new viewers; anonymously without a giver."""

    def wait_for_line(self, text: str) -> Json:
        """The first line of chat that contains the text."""

    def settle(self) -> None:
        """Wait until nothing is under way."""


class KickChannel:
    title, chat_kind, message_id = "Kick", "chat.message.sent", "body->>'message_id'"

    def __init__(self, kick: KickDriver) -> None:
        self._kick = kick
        self.wait_for_line, self.settle = kick.wait_for_line, kick.settle

    def account(self, handle: str, name: str) -> int:
        return self._kick.account(handle, name)

    def say(self, person: str, text: str, at: str | None = None) -> str:
        return self._kick.chat(person, text, at=at)

    def go_live(self, started_at: str | None = None) -> None:
        self._kick.live(started_at=started_at)

    def end(self) -> None:
        self._kick.offline()

    def gift(self, giver: str | None, count: int) -> None:
        self._kick.gift(giver, count=count)


class TwitchChannel:
    title, chat_kind, message_id = "Twitch", "channel.chat.message", "body->>'message_id'"

    def __init__(self, twitch: TwitchDriver) -> None:
        self._twitch = twitch
        self.wait_for_line, self.settle = twitch.wait_for_line, twitch.settle

    def account(self, handle: str, name: str) -> int:
        return int(self._twitch.do("account", handle=handle, name=name)["user_id"])

    def say(self, person: str, text: str, at: str | None = None) -> str:
        return self._twitch.chat(person, text, at=at)

    def go_live(self, started_at: str | None = None) -> None:
        self._twitch.live(started_at=started_at)

    def end(self) -> None:
        self._twitch.do("offline")

    def gift(self, giver: str | None, count: int) -> None:
        self._twitch.gift(giver, count=count)


def channel_of(stage: Stage, platform: str) -> ChannelDriver:
    """The streamer's channel there. On Twitch it is connected first, unless it is."""
    if platform == "kick":
        return KickChannel(stage.kick)
    connect_twitch(stage)
    return TwitchChannel(stage.twitch)


def channels_of(stage: Stage) -> tuple[ChannelDriver, ChannelDriver]:
    """Both of the streamer's channels, for stories in which viewers of both meet."""
    return channel_of(stage, "kick"), channel_of(stage, "twitch")


def connect_twitch(
    stage: Stage, admin: str = "nora", channel: str = "nora", guild: str = "Nora's Corner"
) -> None:
    """An admin asks for the link and the channel's streamer says yes, unless that is done; until
    everything is subscribed.

    Args:
        channel: whose it is, by handle.
    """
    guild_id, user_id = GUILDS[guild], BY_HANDLE[channel].twitch_user_id
    known = "SELECT count(*) FROM twitch_accounts WHERE guild_id = :guild AND role = 'streamer'"
    known += " AND twitch_user_id = :user AND state = 'connected'"
    if not stage.scalar(known, guild=guild_id, user=user_id):
        stage.discord.wait_command("connect_twitch")
        seen = len(direct_messages(stage, admin, "Connect Twitch"))
        stage.discord.message(admin, "general", "!connect_twitch", guild=guild)
        link = url_in(next_direct_message(stage, admin, "Connect Twitch", seen))
        assert f"{BY_HANDLE[channel].kick_name} is connected to" in agree(
            link, stage.twitch, channel
        )
    stage.twitch.wait_for(
        lambda found: (
            sum(
                message["status"] == "enabled" and str(user_id) in message["condition"].values()
                for message in found
            )
            >= len(KINDS)
        )
    )


def twitch_webhooks(stage: Stage) -> TwitchWebhookSender:
    """Delivers to the product what Twitch would."""
    settings = read_settings(**{name.lower(): value for name, value in stage.settings.items()})
    return TwitchWebhookSender(f"http://127.0.0.1:{stage.port}", secret_of(settings))


def agree(link: str, twitch: TwitchDriver, person: str = "nora") -> str:
    """Open a link, press its button, say yes on Twitch; the last page."""
    browser = requests.Session()
    page = browser.get(link, timeout=30, headers={"Accept": "text/html"})
    onward = re.search(r'href="([^"]+)"[^>]*>Continue on Twitch', page.text)
    assert onward, page.text
    address = urljoin(link, html.unescape(onward[1]))
    consent = browser.get(address, timeout=30, allow_redirects=False).headers["Location"]
    return browser.get(twitch.consent(consent, person), timeout=30).text
