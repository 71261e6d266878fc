"""Builds the sandbox's one aiohttp application from its parts."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox import control
from sandbox.bell import Bell
from sandbox.faults import Faults
from sandbox.kick.routes import routes as kick_routes
from sandbox.kick.world import KickWorld
from sandbox.people import PEOPLE


@dataclass(frozen=True)
class SandboxSettings:
    """Where the sandbox listens and where Kick's webhooks go.

    ``base_url`` is the sandbox's own address as others see it, without a slash at the end.
    ``redirect_uris`` are the OAuth redirects registered with the pretend Kick app; empty means any
    path on the host and port of ``webhook_url``.
    """

    base_url: str
    webhook_url: str = "http://127.0.0.1:8080/webhooks/kick"
    redirect_uris: tuple[str, ...] = ()


ENV = web.AppKey("ENV", dict[str, str])
"""The product's settings that lead it to this sandbox."""


def build(settings: SandboxSettings) -> web.Application:
    """The application with every part's routes; its worlds live and die with it."""
    bell, faults = Bell(), Faults()
    app = web.Application(middlewares=[control.control_errors], client_max_size=32 * 2**20)
    kick = KickWorld(
        PEOPLE,
        bell,
        faults,
        settings.base_url,
        webhook_url=settings.webhook_url,
        redirect_uris=settings.redirect_uris,
    )
    worlds: dict[str, Any] = {"kick": kick}
    app.add_routes(kick_routes(kick))
    app.cleanup_ctx.append(kick.running)
    app[ENV] = kick.env()
    if (world := _optional("sandbox.discord.world", "DiscordWorld")) is not None:
        worlds["discord"] = world(PEOPLE, bell, faults, settings.base_url)
        routes = _optional("sandbox.discord.routes", "routes")
        app.add_routes(routes(worlds["discord"]) if routes else [])
    page = _optional("sandbox.page.page", "routes")
    app.add_routes(page() if page else [])
    app.add_routes(control.routes(bell, faults, worlds))

    async def close_bell(_app: web.Application) -> None:
        bell.close()

    app.on_shutdown.append(close_bell)
    return app


def _optional(module: str, name: str) -> Callable[..., Any] | None:
    try:
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
    except ModuleNotFoundError:
        return None
