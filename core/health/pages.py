"""The health report: `GET /health`, `GET /metrics`, the front page, the dashboard and the API."""

import hmac
from datetime import datetime

from flask import Blueprint, Response, jsonify, render_template, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.health import actions
from core.health.actions import Report, Reports
from core.health.messages import age_in_words
from core.health.rules import Overall
from core.kit.feature import Check
from core.kit.guild_settings import GuildSettings, switch
from core.kit.health_item import AgeOf, HealthItem, State
from core.kit.runtime.crypto import health_token
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.text.words import _, plural
from core.kit.web.api import Api, ApiModel, Call
from core.kit.web.guild_pages import GuildPages, Page, PublicPage, PublicRequest


def pages(services: Services, reports: Reports) -> Blueprint:
    """The pages outside of the dashboard."""
    blueprint = Blueprint(
        "health",
        __name__,
        template_folder="templates",
    )

    @blueprint.get("/livez")
    def alive() -> Response:
        """Whether the web server answers at all, even if nothing else does."""
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    @blueprint.get("/")
    def front() -> str:
        found = reports.newest(services).without_details()
        return render_template(
            "health/front.html",
            report=found,
            rows=_rows(found),
            is_detailed=False,
            webhook_url=f"{services.settings.oauth_base_url or ''}/webhooks/kick",
        )

    @blueprint.get("/health")
    def health() -> Response:
        found = reports.newest(services)
        if not _may_see_details(services.settings):
            found = found.without_details()
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


def _may_see_details(settings: Settings) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    return bool(given) and hmac.compare_digest(given.encode(), health_token(settings).encode())


class HealthSettings(GuildSettings, feature="health"):
    """Settings of a server."""

    public_status: bool = switch(
        "Show everyone a web page with the parts of the bot and whether they work.",
        default=True,
        label="Public status page",
    )


def health_pages(checks: tuple[Check, ...]) -> GuildPages:
    """The report of `/health` on the dashboard."""
    pages = GuildPages("health", lambda: _("Health"), icon="heartbeat", order=87)

    @pages.get()
    def health(page: Page) -> str:
        """All parts, those with problems first."""
        found = page.run(actions.examine_server, checks)
        given = {"report": found, "rows": _rows(found), "is_detailed": True}
        return page.render("health_pages/health.html", **given)

    @pages.post("retry", shows=health)
    def retry(page: Page) -> Response:
        """Retry the dead letters."""
        count = page.run(actions.retry_dead_letters)
        return page.done(plural("Retrying {count} message.", "Retrying {count} messages.", count))

    return pages


class HealthPart(ApiModel):
    """One part of the bot."""

    name: str
    state: State
    reason: str
    age_seconds: float | None = None
    age_of: AgeOf | None = None


class HealthReport(ApiModel):
    """The state of the bot."""

    status: Overall
    at: datetime
    parts: list[HealthPart]


def health_api(checks: tuple[Check, ...]) -> Api:
    """The report for programs."""
    api = Api("health")

    @api.get("/health")
    def get_health(call: Call) -> HealthReport:
        """Check the health of the bot, including this server."""
        found = call.run(actions.examine_server, checks)
        parts = [HealthPart.model_validate(_as_json(part)) for part in found.by_trouble()]
        return HealthReport(status=found.overall, at=found.at, parts=parts)

    return api


def status_page(reports: Reports) -> PublicPage:
    """The parts and their states for everybody, without details."""

    def status(public: PublicRequest) -> str:
        found = reports.newest(public.services).without_details()
        given = {"report": found, "rows": _rows(found), "is_detailed": False}
        return public.render("health_pages/status.html", **given)

    declared = HealthSettings.declared["public_status"]
    return PublicPage("status", lambda: _("Status"), "heartbeat", declared, status, order=90)


def _rows(found: Report) -> list[tuple[HealthItem, str]]:
    return [
        (part, "" if part.age_seconds is None else age_in_words(part.age_of, part.age_seconds))
        for part in found.by_trouble()
    ]


def _as_json(part: HealthItem) -> dict[str, object]:
    line: dict[str, object] = {"name": part.name, "state": part.state, "reason": part.reason}
    if part.age_seconds is not None:
        line["age_seconds"] = round(part.age_seconds, 1)
        line["age_of"] = part.age_of
    return line
