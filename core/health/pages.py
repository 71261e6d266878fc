"""`GET /health` for machines, `GET /metrics` for Prometheus, and a front page for people."""

from flask import Blueprint, Response, jsonify, render_template
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.health import actions
from core.kit.feature import Check
from core.kit.health_item import HealthItem
from core.kit.services import Services


def pages(services: Services, checks: tuple[Check, ...]) -> Blueprint:
    """The three addresses."""
    blueprint = Blueprint(
        "health",
        __name__,
        template_folder="templates",
    )

    @blueprint.get("/")
    def front() -> str:
        return render_template(
            "health/front.html",
            report=actions.report(services, checks),
            webhook_url=f"{services.settings.oauth_base_url or ''}/webhooks/kick",
        )

    @blueprint.get("/health")
    def health() -> Response:
        found = actions.report(services, checks)
        response = jsonify(
            status=found.overall,
            at=found.at.isoformat(),
            parts=[_as_json(part) for part in found.parts],
        )
        response.status_code = 503 if found.overall == "down" else 200
        response.headers["Cache-Control"] = "no-store"
        return response

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return blueprint


def _as_json(part: HealthItem) -> dict[str, object]:
    line: dict[str, object] = {"name": part.name, "state": part.state, "reason": part.reason}
    if part.age_seconds is not None:
        line["age_seconds"] = round(part.age_seconds, 1)
        line["age_of"] = part.age_of
    return line
