"""Builds the sandbox's aiohttp application."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from sandbox import control
from sandbox.change_feed import ChangeFeed
from sandbox.discord.routes import routes as discord_routes
from sandbox.discord.service import DiscordService
from sandbox.discord.storage import persisted
from sandbox.drand import FakeBeacon
from sandbox.faults import Faults, FaultValue
from sandbox.kick.routes import routes as kick_routes
from sandbox.kick.signing import SigningKey
from sandbox.kick.state import FakeKick
from sandbox.page import routes as page_routes
from sandbox.people import PEOPLE
from sandbox.shuffle import FakeShuffle
from sandbox.streamelements.control import routes as streamelements_routes
from sandbox.streamelements.state import FakeStreamElements
from sandbox.twitch.routes import routes as twitch_routes
from sandbox.twitch.state import FakeTwitch

ENV = web.AppKey("ENV", dict[str, str])
"""The product's settings for this sandbox."""

MAX_BODY_BYTES = 32 * 2**20
"""Discord accepts large attachments."""


@dataclass(frozen=True)
class SandboxSettings:
    """Where the sandbox listens and where Kick's webhooks go.

    ``base_url`` is the sandbox's own address, without a trailing slash. ``redirect_uris`` are the
    registered OAuth redirects of the Kick app; empty means any path on the host and port of
    ``webhook_url``. ``defaults`` replace those of the faults. ``discord_file`` keeps the fake
    Discord over restarts.
    """

    base_url: str
    webhook_url: str = "http://127.0.0.1:8080/webhooks/kick"
    redirect_uris: tuple[str, ...] = ()
    signing_key: SigningKey | None = None
    defaults: Mapping[str, FaultValue] = field(default_factory=dict)
    discord_file: Path | None = None


def build(settings: SandboxSettings) -> web.Application:
    """The application with all routes; the fakes start and stop with it."""
    changes, faults = ChangeFeed(), Faults()
    kick = FakeKick(
        PEOPLE,
        changes,
        faults,
        settings.base_url,
        webhook_url=settings.webhook_url,
        redirect_uris=settings.redirect_uris,
        signing_key=settings.signing_key,
    )
    discord = DiscordService(PEOPLE, changes, faults, settings.base_url)
    beacon = FakeBeacon(faults, settings.base_url)
    shuffle = FakeShuffle(changes, faults, settings.base_url)
    twitch = FakeTwitch(PEOPLE, changes, faults, settings.base_url, settings.webhook_url)
    streamelements = FakeStreamElements(PEOPLE, changes, faults, settings.base_url)
    faults.redefine(settings.defaults)
    app = web.Application(middlewares=[control.control_errors], client_max_size=MAX_BODY_BYTES)
    app[ENV] = {
        **discord.env(),
        **kick.env(),
        **twitch.env(),
        **beacon.env(),
        **shuffle.env(),
        **streamelements.env(),
    }
    app.add_routes(kick_routes(kick))
    app.add_routes(twitch_routes(twitch))
    app.add_routes(discord_routes(discord))
    app.add_routes(beacon.routes())
    app.add_routes(shuffle.routes())
    app.add_routes(streamelements_routes(streamelements))
    app.add_routes(page_routes())
    services: dict[str, control.Service] = {
        "discord": discord,
        "kick": kick,
        "twitch": twitch,
        "shuffle": shuffle,
        "streamelements": streamelements,
    }
    app.add_routes(control.routes(changes, faults, services))
    app.cleanup_ctx.append(kick.running)
    app.cleanup_ctx.append(twitch.running)
    if settings.discord_file is not None:
        app.cleanup_ctx.append(persisted(discord, settings.discord_file))

    async def end_long_requests(_app: web.Application) -> None:
        changes.close()
        await kick.feed.close()
        await discord.close()

    app.on_shutdown.append(end_long_requests)
    return app
