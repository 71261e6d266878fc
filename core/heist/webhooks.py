"""`/widget/heist`: what the StreamElements widget asks and reports, from StreamElements' origin.

The key comes in a header, so it is in no log of addresses. Other sites may ask (CORS), but without
cookies: only the key counts.
"""

from flask import Blueprint, Response, jsonify, request
from limits import RateLimitItemPerMinute

from core.guilds.actions import language_of
from core.heist import widget
from core.kit.crypto import hash_of
from core.kit.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.web import problem
from core.kit.words import speak

WRONG_KEYS = RateLimitItemPerMinute(30)
REQUESTS = RateLimitItemPerMinute(300)
"""Of each key: several scenes ask every two seconds."""

MOST_BYTES = 256_000


def pages(services: Services) -> Blueprint:
    """What it shows, and what it reports."""
    blueprint, rate = Blueprint("heist_widget", __name__), RateLimit(services.settings)

    def find() -> int | Response:
        """The server of the key, or why not."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        with services.database.begin() as tx:
            guild_id = widget.find_guild(tx, key) if key else None
        if guild_id is None:
            is_known = rate.allows(WRONG_KEYS, "widget", network_of(request.remote_addr))
            return problem(401 if is_known else 429, "This widget key is not valid (any more).")
        if not rate.allows(REQUESTS, "widget.key", hash_of(key)):
            return problem(429, "This widget asks too often.")
        return guild_id

    @blueprint.get("/widget/heist")
    def show() -> Response:
        found = find()
        if isinstance(found, Response):
            return found
        with services.work_in(found) as work, speak(language_of(work)):
            shown = widget.show(work)
            address = widget.settings_url(work, services.settings.public_url)
        return jsonify(shown | {"settings_url": address})

    @blueprint.post("/widget/heist/subscribers")
    def report() -> Response:
        found = find()
        if isinstance(found, Response):
            return found
        if (request.content_length or 0) > MOST_BYTES:
            return problem(413, "That is too much at once.")
        body = request.get_json(silent=True)
        sent = body.get("subscribers") if isinstance(body, dict) else None
        if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
            return problem(400, "The body must be an object with a list of subscribers.")
        with services.work_in(found) as work:
            return jsonify({"new": widget.report(work, sent)})

    @blueprint.after_request
    def let_others_ask(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Max-Age"] = "600"
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint
