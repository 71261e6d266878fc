"""Builds the sandbox's one aiohttp application from its parts."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox import control
from sandbox.bell import Bell
from sandbox.faults import Faults
from sandbox.people import PEOPLE


@dataclass(frozen=True)
class SandboxSettings:
    """Where the sandbox listens and where Kick's webhooks go.

    ``base_url`` is the sandbox's own address as others see it, without a slash at the end.
    ``redirect_uris`` are the OAuth redirects registered with the pretend Kick app; empty means any path
    on the host and port of ``webhook_url``.
    """

    base_url: str
    webhook_url: str = "http://127.0.0.1:8080/webhooks/kick"
    redirect_uris: tuple[str, ...] = ()


def build(settings: SandboxSettings) -> web.Application:
    """The application with every part's routes; its worlds live and die with it."""
    bell, faults = Bell(), Faults()
    app = web.Application(middlewares=[control.control_errors], client_max_size=32 * 2**20)
    worlds: dict[str, Any] = {}
    for name in ("kick", "discord"):
        if (world := _optional(f"sandbox.{name}.world", f"{name.title()}World")) is not None:
            worlds[name] = world(PEOPLE, bell, faults, settings.base_url)
            routes = _optional(f"sandbox.{name}.routes", "routes")
            app.add_routes(routes(worlds[name]) if routes else [])
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
