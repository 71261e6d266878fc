"""`/widget/heist`: HTTP endpoints for the StreamElements widget.

The key is sent in a header, so that it is not in access logs. CORS is open, because only the key
authorizes, not a cookie.
"""

from flask import Blueprint, Response, jsonify, request
from limits import RateLimitItemPerMinute

from core.guilds.actions import language_of
from core.heist import reports, widget
from core.kit.runtime.crypto import hash_of
from core.kit.runtime.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.text.words import speak
from core.kit.web.app import problem

WRONG_KEYS = RateLimitItemPerMinute(30)
REQUESTS = RateLimitItemPerMinute(300)
"""Per key: several scenes poll every two seconds."""

MAX_BYTES = 256_000


def pages(services: Services) -> Blueprint:
    """Its endpoints."""
    blueprint, rate = Blueprint("heist_widget", __name__), RateLimit(services.settings)
    known: set[str] = set()

    def find() -> int | Response:
        """The server of the key, or an error."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        network = network_of(request.remote_addr)
        guess = None if key in known else (WRONG_KEYS, "widget", network)
        wrong = "This widget key is not valid."
        if guess is not None:  # counted before a database connection is used
            rate.require(wrong, *guess)
        with services.database.begin() as tx:
            guild_id = widget.find_guild(tx, key) if key else None
        if guild_id is None:
            known.discard(key)
            return problem(401, wrong)
        if guess is not None:
            known.add(key)
            rate.take_back(*guess)
        rate.require(
            "Too many requests with this widget key.", REQUESTS, "widget.key", hash_of(key)
        )
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
        if (request.content_length or 0) > MAX_BYTES:
            return problem(413, "The body is too large.")
        sent = reports.read_body(request.get_data(cache=False))
        if sent is None:
            return problem(400, "The body must be an object with a list of subscribers.")
        with services.work_in(found) as work:
            outcome = reports.report(work, sent)
        response = jsonify({"new": outcome.new, "rejected": outcome.rejected})
        response.status_code = 207 if outcome.rejected else 200
        return response

    @blueprint.after_request
    def allow_other_origins(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Max-Age"] = "600"
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint
