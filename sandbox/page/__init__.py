"""The sandbox's web page: Discord and Kick side by side, served under a strict CSP. Plain HTML, CSS
and ES modules without a build step; it uses only the control API under ``/control``."""

from pathlib import Path
from typing import Final

from aiohttp import web

HERE: Final = Path(__file__).parent
SUFFIXES: Final = frozenset({".css", ".js", ".svg"})
HEADERS: Final = {
    # Chat is written by strangers: nothing inline runs, nothing is fetched from elsewhere.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


async def index(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(HERE / "index.html", headers=HEADERS)


async def asset(request: web.Request) -> web.FileResponse:
    """A style sheet, module or icon of the page; anything else is 404."""
    path = (HERE / request.match_info["path"]).resolve()
    if path.suffix not in SUFFIXES or not path.is_relative_to(HERE) or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers=HEADERS)


def routes() -> list[web.RouteDef]:
    return [web.get("/", index), web.get("/page/{path:.+}", asset)]
