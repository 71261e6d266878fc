"""A page that runs our widget as StreamElements does: `/streamelements/host`.

The query gives the values of the fields, `recents` and `session` as JSON; `editor=1` is the editor.
Tests call `host.event(listener, event)` and `host.session(data)`.
"""

import json
import re
from pathlib import Path

from aiohttp import web

WIDGET = Path(__file__).parents[2] / "widgets" / "heist"

_PAGE = """<!doctype html><meta charset="utf-8"><title>Widget host</title>
<style>{css}</style>
{html}
<script>
window.SE_API = {{ getOverlayStatus: async () => ({{ isEditorMode: {editor}, muted: false }}) }};
window.host = {{
  say: (name, detail) => window.dispatchEvent(new CustomEvent(name, {{ detail }})),
  event: (listener, event) => host.say("onEventReceived", {{ listener, event }}),
  session: (data) => host.say("onSessionUpdate", {{ session: {{ data }} }}),
}};
</script>
<script>{script}</script>
<script>
host.say("onWidgetLoad", {detail});
</script>"""


async def show(request: web.Request) -> web.Response:
    """The widget, loaded."""
    declared = json.loads((WIDGET / "fields.json").read_text())
    given = {name: field.get("value") for name, field in declared.items()}
    fields = given | {name: request.query[name] for name in given if name in request.query}
    detail = {
        "fieldData": fields,
        "channel": {"username": "noraplays", "apiToken": "overlay-key"},
        "recents": json.loads(request.query.get("recents", "[]")),
        "session": {"data": json.loads(request.query.get("session", "{}"))},
        "currency": {"code": "EUR", "name": "Euro", "symbol": "€"},
    }

    def filled(name: str) -> str:
        text = (WIDGET / name).read_text()
        return re.sub(r"{{(\w+)}}", lambda pair: str(fields.get(pair[1], pair[0])), text)

    html = _PAGE.format(
        css=filled("widget.css"),
        html=filled("widget.html"),
        script=(WIDGET / "widget.js").read_text(),
        editor="true" if request.query.get("editor") else "false",
        detail=json.dumps(detail).replace("<", "\\u003c"),
    )
    return web.Response(text=html, content_type="text/html")
