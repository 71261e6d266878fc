"""Style sheets, scripts and icons of the pages, from npm packages (`package.json`). `make` installs
them into `node_modules`; the Docker image contains the listed files."""

import gzip
import re
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, abort, request, url_for
from markupsafe import Markup

ROOT = Path(__file__).parents[3]
PACKAGES = ROOT / "node_modules"
OWN = Path(__file__).parent / "static"

ASSETS = {
    "tabler.css": PACKAGES / "@tabler/core/dist/css/tabler.min.css",
    "htmx.js": PACKAGES / "htmx.org/dist/htmx.min.js",
    "chart.js": PACKAGES / "chart.js/dist/chart.umd.min.js",
    "dashboard.css": OWN / "dashboard.css",
    "dashboard.js": OWN / "dashboard.js",
    "live.js": OWN / "live.js",
    "overlay.css": OWN / "overlay.css",
    "overlay.js": OWN / "overlay.js",
    "icon.svg": OWN / "icon.svg",
}
ICONS = PACKAGES / "@tabler/icons/icons/outline"

_A_YEAR = "public, max-age=31536000, immutable"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def _read(name: str) -> tuple[bytes, bytes, str]:
    """The file, its compressed form and its version. Raises OSError."""
    content = ASSETS[name].read_bytes()
    # Source maps are not served.
    content = re.sub(rb"\n?/[/*]# sourceMappingURL=\S+( \*/)?\s*$", b"\n", content)
    return content, gzip.compress(content, 9, mtime=0), sha256(content).hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a file. It changes with the content, so browsers may keep it."""
    try:
        version = _read(name)[2]
    except OSError:
        version = "missing"
    return url_for("assets.serve", version=version, name=name)


@cache
def icon(name: str) -> Markup:
    """An icon of https://tabler.io/icons, for decoration."""
    try:
        svg = (ICONS / f"{name}.svg").read_text()
    except OSError:
        return Markup()
    shape = svg[svg.index(">") + 1 :].replace("\n", "")
    return Markup(
        '<svg class="icon" width="20" height="20" viewBox="0 0 24 24" fill="none" '
        'stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" '
        f'aria-hidden="true">{shape}'
    )


def pages() -> Blueprint:
    """`/assets/<version>/<name>`."""
    blueprint = Blueprint("assets", __name__)

    @blueprint.get("/assets/<version>/<name>")
    def serve(version: str, name: str) -> Response:
        if name not in ASSETS:
            abort(404)
        try:
            content, compressed, current = _read(name)
        except OSError:
            abort(404)
        response = Response(content, content_type=_TYPES[Path(name).suffix])
        if request.accept_encodings["gzip"] > 0:
            response.data = compressed
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = _A_YEAR if version == current else "no-cache"
        return response

    return blueprint
