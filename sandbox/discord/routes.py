"""All routes of the fake Discord: REST, gateway, CDN and control API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from sandbox.discord import (
    cdn,
    control,
    rest_channels,
    rest_commands,
    rest_guilds,
    rest_interactions,
    rest_messages,
)
from sandbox.discord.errors import not_found
from sandbox.discord.oauth import DiscordOAuth
from sandbox.discord.rest import API_PREFIX, json_answer

if TYPE_CHECKING:
    from sandbox.discord.service import DiscordService


def routes(discord: DiscordService) -> list[web.RouteDef]:
    """The order matters: fixed parts such as `pins` or `@me` come before `{message_id}`."""
    endpoints = (
        *rest_guilds.ENDPOINTS,
        *rest_channels.ENDPOINTS,
        *rest_messages.ENDPOINTS,
        *rest_commands.ENDPOINTS,
        *rest_interactions.ENDPOINTS,
    )
    of_the_bot = {
        endpoint.path: endpoint.handler_for(discord)
        for endpoint in endpoints
        if endpoint.method == "GET" and endpoint.path.startswith("/users/@me")
    }
    return [
        *DiscordOAuth(discord).routes(of_the_bot),
        *(endpoint.bind(discord) for endpoint in endpoints),
        web.route("*", API_PREFIX + "/{unknown:.*}", _not_found),
        web.get("/discord/gateway", discord.gateway.serve),
        *cdn.routes(discord),
        *control.routes(discord),
    ]


async def _not_found(_request: web.Request) -> web.Response:
    """Unknown paths answer as on Discord."""
    error = not_found()
    return json_answer(error.status, error.body(), {})
