"""`/control/discord/...`: the hands of the people, for the page, the tests and the demo.

People are named by handle, channels by name (`general`, `#general`), id, or `dm` for the DM with
the bot. A name is looked for in the guilds of the person, the first guild first, or in `guild`
(name or id) if that is given. Refusals are `{"error": ...}` with a 4xx status; where Discord's
own rules refuse, its code and message are in the text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.control import ControlError, body_of
from sandbox.discord.control_admin import Admin
from sandbox.discord.control_interact import Interact
from sandbox.discord.control_talk import Talk
from sandbox.discord.errors import ApiError, Json

if TYPE_CHECKING:
    from sandbox.discord.world import DiscordWorld

Act = Callable[[Json], Awaitable[Any]]


def routes(world: DiscordWorld) -> list[web.RouteDef]:
    talk, interact, admin = Talk(world), Interact(world), Admin(world)
    posts: dict[str, Act] = {
        "message": talk.message,
        "edit_message": talk.edit_message,
        "delete_message": talk.delete_message,
        "react": talk.react,
        "pin": talk.pin,
        "typing": talk.typing,
        "slash": interact.slash,
        "autocomplete": interact.autocomplete,
        "click": interact.click,
        "modal": interact.modal,
        "member": admin.member,
        "role": admin.role,
        "command_role": admin.command_role,
        "overwrite": admin.overwrite,
        "bot_access": admin.bot_access,
        "channel": admin.channel,
        "gateway": admin.gateway,
    }
    gets: dict[str, Act] = {
        "transcript": talk.transcript,
        "interaction": interact.interaction,
        "commands": interact.commands,
    }
    return [
        *(web.post(f"/control/discord/{name}", _posted(act)) for name, act in posts.items()),
        *(web.get(f"/control/discord/{name}", _asked(act)) for name, act in gets.items()),
    ]


def _posted(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return await _answered(act, await body_of(request))

    return handle


def _asked(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return await _answered(act, dict(request.query))

    return handle


async def _answered(act: Act, body: Json) -> web.Response:
    try:
        return web.json_response(await act(body))
    except ApiError as error:
        text = f"{error.code} {error.message}"
        raise ControlError(text, status=error.status) from error
    except KeyError as error:
        raise ControlError(f"the body lacks {error.args[0]!r}") from error
