"""The HTTP API: authentication, rate limits and the endpoints of all features under `/api`.

A caller has a token, which belongs to one server, or the session of the dashboard, which needs
`?server=`. An endpoint gets a `Call` for this server only. Errors are problem details (RFC 9457),
which `core.kit.web.app` creates for every path under `/api`.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, NoReturn

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    render_template,
    request,
    session,
)
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from limits import RateLimitItem, RateLimitItemPerMinute
from pydantic import BaseModel, SecretStr, ValidationError

from core.api_tokens.actions import find_token, record_use
from core.api_tokens.records import ApiToken
from core.dashboard.access import Access, Forbidden, LoginNeeded
from core.dashboard.openapi import document
from core.guilds import actions as guilds
from core.guilds.records import Guild
from core.kit.database.work import Work
from core.kit.errors import Outage
from core.kit.runtime.crypto import hash_of
from core.kit.runtime.deadlines import PAGES, use_budget
from core.kit.runtime.rate import RateLimit, network_of
from core.kit.services import Services
from core.kit.text.cleaning import clean_all
from core.kit.text.strict_json import decode
from core.kit.text.words import _
from core.kit.web.api import Api, Call, Endpoint, parse_id
from core.kit.web.app import TOKEN, problem, problem_of_fields
from core.kit.web.live import ANYTHING, LiveStreams, say_names

CALLS = RateLimitItemPerMinute(120)
"""Per token or session."""

CHANGES = RateLimitItemPerMinute(60)
"""Per token or session, of endpoints that change something."""

STRANGERS = RateLimitItemPerMinute(30)
"""Requests without a valid token or session, per network."""

MAX_BYTES = 64 * 1024
"""Of a body."""

OWN = Api()
"""Endpoints that do not belong to a feature."""


@OWN.get("/ws", stream=True)
def stream_changes(call: Call) -> Response:
    """Stream changes.

    Server-sent events: the data of `changed` is the name of a package such as `vips`. Fetch what
    you show again then, and after a lost connection. A token or session can hold three streams;
    another one ends the oldest. `full` means: try again later.
    """
    streams: LiveStreams = current_app.extensions["live_streams"]
    access: Access = current_app.extensions["access"]
    token = session.get(TOKEN, "")

    def may() -> bool:
        kind, _colon, digest = call.caller.partition(":")
        if kind == "token":
            return call.run(is_valid, digest)
        return access.may_follow(call.guild_id, token)

    def render(changed: set[str]) -> str | None:
        return None if "api_tokens" in changed and not may() else say_names(changed)

    return streams.response(call.guild_id, call.caller, ANYTHING, render, may=may)


def is_valid(work: Work, digest: str) -> bool:
    """False if the token with this hash was revoked, or the bot has left the server."""
    guild = work.find(Guild)
    is_there = guild is not None and guild.left_at is None
    return is_there and work.exists(ApiToken.token_hash == digest)


@dataclass(frozen=True)
class _Caller:
    """An authenticated caller."""

    call: Call
    may_write: bool
    is_read_only: bool = False


class ApiServer:
    """Serves the endpoints of one process."""

    def __init__(
        self,
        services: Services,
        access: Access,
        csrf: CSRFProtect,
        rate: RateLimit,
        apis: Sequence[Api],
    ) -> None:
        self._services = services
        self._access = access
        self._csrf = csrf
        self._rate = rate
        self._found: set[str] = set()
        self.endpoints = [endpoint for api in (*apis, OWN) for endpoint in api.endpoints]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return document(self.endpoints)

    def blueprint(self) -> Blueprint:
        """All endpoints, and their documentation."""
        blueprint = Blueprint("api", __name__, url_prefix="/api")
        blueprint.get("/openapi.json")(self.openapi)
        blueprint.get("/docs")(self.docs)
        for endpoint in self.endpoints:
            path = endpoint.path.strip("/").replace("/", "_").replace("-", "_")
            blueprint.add_url_rule(
                endpoint.path,
                f"{endpoint.method.lower()}_{path}",
                self._serve(endpoint),
                methods=[endpoint.method],
                provide_automatic_options=False,
            )
        blueprint.before_request(_limit_body)
        blueprint.after_request(_never_cached)
        return blueprint

    def openapi(self) -> Response:
        """The OpenAPI document."""
        return jsonify(self.document)

    def docs(self) -> str:
        """The documentation for people."""
        address = self._services.settings.public_url
        return render_template(
            "dashboard/api.html", api=self.document, csrf=generate_csrf(), address=address
        )

    def _serve(self, endpoint: Endpoint) -> Callable[[], Response]:
        @wraps(endpoint.handler)
        def serve() -> Response:
            if endpoint.secret:
                self._require_secret(endpoint.secret)
                return _answer(endpoint, endpoint.handler(self._services))
            caller = self._authenticate(endpoint)
            use_budget(PAGES)
            for limit in (CALLS,) if endpoint.scope == "read" else (CALLS, CHANGES):
                if not self._rate.allows(limit, "api", endpoint.scope, caller.call.caller):
                    return self._too_many(limit, "api", endpoint.scope, caller.call.caller)
            self._require_rights(caller, endpoint)
            if endpoint.asks is None:
                found = endpoint.handler(caller.call)
            else:
                try:
                    asked = _parse(endpoint)
                except ValidationError as error:
                    return problem_of_fields(error)
                found = endpoint.handler(caller.call, asked)
            return _answer(endpoint, found)

        return serve

    # -- authentication -----------------------------------------------------------------------

    def _authenticate(self, endpoint: Endpoint) -> _Caller:
        """Aborts with 401 without a valid token or session, 404 for a server of somebody else."""
        given = request.headers.get("Authorization")
        caller = self._by_session(endpoint) if given is None else self._by_token(given)
        if caller is None:
            self._refuse_stranger(
                _("A valid token or session is required."),
                _("Send `Authorization: Bearer` and a token that was not revoked."),
            )
        return caller

    def _require_secret(self, name: str) -> None:
        """Aborts with 403 if the secret is not configured, with 401 if it is wrong."""
        secret: SecretStr | None = getattr(self._services.settings, name)
        if secret is None:
            abort(problem(403, _("{name} is not set.").format(name=name.upper())))
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {secret.get_secret_value()}".encode()):
            self._refuse_stranger(
                _("The bearer token is not {name}.").format(name=name.upper()),
                _("Use the value from the environment of the bot."),
            )

    def _refuse_stranger(self, what: str, remedy: str) -> NoReturn:
        network = network_of(request.remote_addr)
        if not self._rate.allows(STRANGERS, "api", network):
            abort(self._too_many(STRANGERS, "api", network))
        answer = problem(401, what, remedy)
        answer.headers["WWW-Authenticate"] = "Bearer"
        abort(answer)

    def _by_token(self, given: str) -> _Caller | None:
        kind, _space, secret = given.partition(" ")
        network = network_of(request.remote_addr)
        if kind.lower() != "bearer":
            return None
        # Guesses are counted before they cost a connection.
        is_guess = hash_of(secret.strip()) not in self._found
        if is_guess and self._rate.is_used_up(STRANGERS, "api", network):
            return None
        with self._services.database.begin() as tx:
            token = find_token(tx, secret.strip())
        if token is None:
            return None
        self._found.add(token.token_hash)
        asked = _server()
        if asked not in (None, token.guild_id):
            abort(404)
        return self._of_token(token)

    def _of_token(self, token: ApiToken) -> _Caller:
        with self._services.work_in(token.guild_id) as work:
            guild = work.find(Guild)
            if guild is None or guild.left_at is not None:
                abort(404)
            record_use(work, token)
            zone = guilds.time_zone_of(work)
        name = f"token:{token.token_hash}"
        call = Call(self._services, token.guild_id, token.created_by, zone, name, None)
        return _Caller(call, token.scope == "write")

    def _by_session(self, endpoint: Endpoint) -> _Caller | None:
        try:
            login = self._access.login()
        except LoginNeeded:
            return None
        guild_id = _server()
        if guild_id is None:
            abort(
                problem(
                    400,
                    _("The server is missing."),
                    _("With a session, add `?server=` and the id of the server."),
                )
            )
        rights = self._access.rights(guild_id, login)
        if rights is None:
            abort(404)
        if not rights.any:
            raise Forbidden
        if endpoint.scope == "write":
            self._csrf.protect()
        name = f"session:{hash_of(session.get(TOKEN, ''))}"
        call = Call(
            self._services, guild_id, rights.member.id, rights.time_zone, name, rights.groups
        )
        return _Caller(call, True, rights.member.is_stale)

    def _require_rights(self, caller: _Caller, endpoint: Endpoint) -> None:
        groups = caller.call.groups
        if groups is not None and endpoint.group and endpoint.group not in groups:
            raise Forbidden
        if endpoint.scope == "write" and not caller.may_write:
            abort(problem(403, _("This token is read only."), _("Create one that can write.")))
        if endpoint.scope == "write" and caller.is_read_only:
            raise Outage("Discord")

    def _too_many(self, limit: RateLimitItem, *who: str) -> Response:
        answer = problem(429, _("Too many requests."), _("Wait for the time in Retry-After."))
        answer.headers["Retry-After"] = str(self._rate.seconds_left(limit, *who))
        return answer


def _answer(endpoint: Endpoint, found: "BaseModel | Response") -> Response:
    if not isinstance(found, BaseModel):
        return found
    return Response(found.model_dump_json(), endpoint.status, mimetype="application/json")


def _server() -> int | None:
    """The server in the query; 0, which does not exist, if it is not valid."""
    given = request.args.get("server")
    if given is None:
        return None
    try:
        return parse_id(given)
    except ValueError:
        return 0


def _parse(endpoint: Endpoint) -> BaseModel:
    """The parsed query or body. Raises ValidationError; aborts with 400 or 415 if it is not
    JSON."""
    assert endpoint.asks is not None, "callers checked it"
    if endpoint.method in ("GET", "DELETE"):
        given: Any = {key: value for key, value in request.args.items() if key != "server"}
        return endpoint.asks.model_validate(clean_all(given))
    if request.mimetype != "application/json":
        abort(415)
    try:
        given = decode(request.get_data())
    except ValueError:
        abort(problem(400, _("The body is not JSON.")))
    return endpoint.asks.model_validate(clean_all(given))


def _limit_body() -> None:
    request.max_content_length = MAX_BYTES


def _never_cached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
