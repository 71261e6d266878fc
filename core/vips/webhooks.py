"""`POST /api/cron/remove-expired-vips`, for who wants a timer outside of the bot."""

import hmac

from flask import Blueprint, Response, jsonify, request

from core.kit.services import Services
from core.kit.web import problem
from core.vips import actions
from core.vips.store import list_guilds


def pages(services: Services) -> Blueprint:
    """Refused while CRON_SECRET is not set."""
    blueprint = Blueprint("vips_cron", __name__)
    secret = services.settings.cron_secret

    @blueprint.post("/api/cron/remove-expired-vips")
    def remove_expired() -> Response:
        given = request.headers.get("Authorization", "").encode()
        if secret is None:
            return problem(403, "CRON_SECRET is not set.")
        if not hmac.compare_digest(given, f"Bearer {secret.get_secret_value()}".encode()):
            return problem(401, "The bearer token is not CRON_SECRET.")
        with services.database.begin() as tx:
            guild_ids = list_guilds(tx)
        count = 0
        for guild_id in guild_ids:
            with services.work_in(guild_id) as work:
                count += actions.expire_due(work)
        return jsonify({"expired": count})

    return blueprint
