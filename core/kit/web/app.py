"""Shared by all web pages: layout, language, error handlers and security headers. Errors are JSON
for machines and a page for people."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache, lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import secure
import structlog
from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    current_app,
    g,
    has_request_context,
    jsonify,
    make_response,
    render_template,
    request,
    session,
)
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import ImmutableMultiDict, LanguageAccept
from werkzeug.datastructures.structures import iter_multi_items
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header

from core.kit.errors import Forbidden, Outage, RateLimited, Refusal, Unclear, trouble_code
from core.kit.runtime import deadlines
from core.kit.runtime.rate import Strangers, TooMany, network_of
from core.kit.text import words
from core.kit.text.cleaning import clean_all
from core.kit.text.strict_json import storable
from core.kit.text.words import _

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = structlog.get_logger(__name__)

DISCORD_PICTURES = "https://cdn.discordapp.com"
WEBHOOKS = "/webhooks/"
API = "/api/"
OVERLAYS = "/overlay/"
UNLIMITED = ("/livez", "/health", "/static/", "/assets/")
"""Paths that need few resources and no database connection."""
TOKEN = "token"
"""Key of the login token in the signed cookie."""
MAX_BODY_BYTES = 3_000_000
"""Maximum bytes of a form with its files."""
PICTURES = "REGULARS_PICTURES"
"""In an application's config: the address that its pages may show pictures from."""


@cache
def _headers(pictures: str) -> Mapping[str, str]:
    return secure.Secure(
        csp=secure.ContentSecurityPolicy()
        .default_src("'self'")
        .img_src("'self'", "data:", f"{pictures}/")
        .object_src("'none'")
        .form_action("'self'")
        .frame_ancestors("'none'")
        .base_uri("'none'"),
        xfo=secure.XFrameOptions().deny(),
        xcto=secure.XContentTypeOptions().nosniff(),
        referrer=secure.ReferrerPolicy().no_referrer(),
    ).headers


def may_ask(response: Response, origin: str) -> Response:
    """Also let the page's scripts connect to this site."""
    policy = _headers(current_app.config[PICTURES])["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = f"{policy}; connect-src 'self' {origin}"
    return response


def problem(status: int, what: str, remedy: str = "", code: str = "") -> Response:
    """An error: what happened, what to do, and a code to search the log for."""
    if has_request_context() and is_api():
        return _problem_details(Problem(**_title(status), detail=what, remedy=remedy, code=code))
    if has_request_context() and _is_for_people():
        return word(status, what, remedy, code=code)
    body = {"error": what, "remedy": remedy, "code": code}
    response = jsonify({key: value for key, value in body.items() if value})
    response.status_code = status
    return response


class FieldProblem(BaseModel):
    """An error of one field."""

    field: str
    detail: str


class Choice(BaseModel):
    """One possible meaning of an ambiguous value; send it instead of the value."""

    send: str
    means: str


class Problem(BaseModel):
    """Problem details (RFC 9457).

    `remedy` says what to do about it; `code` finds the entry in our log; `choices` are what a value
    can mean, under 409.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    remedy: str = ""
    code: str = ""
    errors: list[FieldProblem] = []
    choices: list[Choice] = []


def _title(status: int) -> dict[str, Any]:
    return {"title": HTTPStatus(status).phrase, "status": status}


def _problem_details(found: Problem) -> Response:
    return Response(
        found.model_dump_json(exclude_defaults=True),
        found.status,
        content_type="application/problem+json",
    )


def problem_of_fields(error: ValidationError) -> Response:
    """The invalid fields of a request to the API."""
    fields = [
        FieldProblem(field=".".join(map(str, problem["loc"])), detail=problem["msg"])
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    detail = "; ".join(
        f"{field.field}: {field.detail}" if field.field else field.detail for field in fields
    )
    return _problem_details(Problem(**_title(422), detail=detail, errors=fields))


def is_api() -> bool:
    """Whether this is a request to the HTTP API, whose errors are problem details."""
    return request.path.startswith(API)


def _is_for_people() -> bool:
    """Whether the client is a browser. Clients that accept anything get JSON."""
    return request.accept_mimetypes.best_match(("application/json", "text/html")) == "text/html"


def word(status: int, what: str, remedy: str = "", *, mark: str = "⚠️", code: str = "") -> Response:
    """A page with one message. It is never cached."""
    page = render_template("word.html", mark=mark, what=what, remedy=remedy, code=code)
    response = make_response(page, status)
    response.headers["Cache-Control"] = "no-store"
    return response


class _Sessions(SecureCookieSessionInterface):
    """Flask's signed cookies. Requests without cookies, such as webhooks, skip the setup for
    reading them, which took a tenth of a webhook's time.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if app.secret_key and "Cookie" not in request.headers:
            return self.session_class()
        return super().open_session(app, request)


class _CleanArguments(ImmutableMultiDict[str, Any]):
    """Query and form fields, cleaned."""

    def __init__(self, mapping: Any = None) -> None:
        pairs = iter_multi_items(mapping) if mapping is not None else ()
        super().__init__([(clean_all(name), clean_all(value)) for name, value in pairs])


class _Request(Request):
    parameter_storage_class = _CleanArguments


@lru_cache(maxsize=1000)
def language_of(accepted: str) -> str:
    """The language to show for an `Accept-Language` header."""
    languages = parse_accept_header(accepted, LanguageAccept)
    return languages.best_match(words.languages(), words.SOURCE_LANGUAGE)


def _limit_strangers(app: Flask) -> None:
    """Give each request a budget of database connections, and limit people who are not logged in
    before they use one.
    """
    strangers = Strangers()

    @app.before_request
    def begin() -> Response | None:
        path = request.environ["PATH_INFO"]
        if path.startswith(WEBHOOKS):
            budget = deadlines.INTAKE
        elif path.startswith(OVERLAYS):
            budget = deadlines.OVERLAYS
        else:
            budget = deadlines.PAGES if TOKEN in session else deadlines.PUBLIC
        g.budget = ExitStack()
        g.budget.enter_context(deadlines.budget_of(budget))
        if budget is not deadlines.PUBLIC or path.startswith(UNLIMITED):
            return None
        try:
            g.budget.enter_context(strangers.request(network_of(request.remote_addr)))
        except TooMany as refused:
            response = problem(refused.status, refused.what, _("Please try again shortly."))
            response.headers["Retry-After"] = str(refused.retry_after)
            return response
        return None

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if "budget" in g:
            g.pop("budget").close()


def _speak_as_asked(app: Flask) -> None:
    """Show pages in the browser's preferred language."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    # Added by the extension at runtime, so type checkers do not know it.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        _, words.ngettext, newstyle=True
    )
    app.jinja_env.globals["spoken"] = words.spoken

    @app.before_request
    def begin() -> None:
        if "Accept-Language" in request.headers:
            g.speech = ExitStack()
            g.speech.enter_context(words.speak(language_of(request.headers["Accept-Language"])))

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if "speech" in g:
            g.pop("speech").close()


def _answer_errors(app: Flask) -> None:
    """Turn exceptions into a page, or JSON for machines."""

    @app.errorhandler(Refusal)
    def refused(refusal: Refusal) -> Response:
        if isinstance(refusal, Unclear) and is_api():
            found = Problem(**_title(409), detail=refusal.what, remedy=refusal.remedy)
            choices = [Choice(send=send, means=means) for send, means in refusal.choices]
            return _problem_details(found.model_copy(update={"choices": choices}))
        status = 403 if isinstance(refusal, Forbidden) else 422
        if isinstance(refusal, RateLimited):
            response = problem(429, refusal.what, refusal.remedy)
            response.headers["Retry-After"] = str(refusal.retry_after)
            return response
        return problem(status, refusal.what, refusal.remedy)

    @app.errorhandler(Outage)
    def away(outage: Outage) -> Response:
        _log.warning("Serving a page failed", service=outage.service, reason=outage.reason)
        response = problem(
            503,
            _("{who} is not answering.").format(who=outage.who),
            _("Please try again shortly."),
        )
        response.headers["Retry-After"] = str(max(1, math.ceil(outage.retry_after or 5)))
        return response

    @app.errorhandler(HTTPException)
    def declined(error: HTTPException) -> Response:
        if error.response is not None:
            return cast("Response", error.response)
        response = problem(error.code or 500, *_explanation(error))
        # Such as Allow, which belongs to a 405. The type is ours.
        kept = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
        response.headers.extend(kept)
        return response

    @app.errorhandler(Exception)
    def failed(_error: Exception) -> Response:
        code = trouble_code()
        _log.exception("Unhandled error in a page", code=code)
        return problem(
            500, _("Something went wrong on our side."), _("The error was logged."), code
        )


def _explanation(error: HTTPException) -> tuple[str, str]:
    """The problem and what to do; for machines, the name of the status."""
    if _is_for_people() and error.code == 413:
        return _("This is too large."), _("Send less at a time.")
    if error.code != 404 or not _is_for_people():
        return error.name, ""
    return _("This page does not exist."), _(
        "Check the address. If a link brought you here, run the command in Discord again."
    )


class DeferredResponse(Response):
    """A response built when the server reads its body, after the view has returned, so that a
    server can run several views before waiting for a shared operation. Errors of `make` are handled
    like those of a view."""

    def __init__(self, make: Callable[[], Response]) -> None:
        super().__init__()
        self._make = make
        self._budget = deadlines.current_budget()
        self._app = current_app._get_current_object()  # type: ignore[attr-defined]

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterator[bytes]:
        try:
            with deadlines.budget_of(self._budget):
                response = self._make()
        except Exception as error:
            with self._app.request_context(environ):
                response = self._app.make_response(self._app.handle_user_exception(error))
        yield from response(environ, start_response)


def edge(app: Flask, pictures: str = DISCORD_PICTURES, *, is_https: bool = False) -> None:
    """Set up layout, language, error handlers and security headers.

    Args:
        pictures: the site whose pictures pages may show.
        is_https: browsers connect over https and must keep using it.
    """
    app.config[PICTURES] = pictures
    app.config |= {"MAX_CONTENT_LENGTH": MAX_BODY_BYTES, "MAX_FORM_MEMORY_SIZE": MAX_BODY_BYTES}
    # Such redirects would repeat the Host header, which visitors control.
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    app.session_interface = _Sessions()
    app.request_class = _Request
    _speak_as_asked(app)
    _limit_strangers(app)
    _answer_errors(app)
    app.register_blueprint(
        Blueprint(
            "kit",
            __name__,
            template_folder="templates",
            static_folder="static",
            static_url_path="/static",
        )
    )

    @app.before_request
    def clean_path() -> None:
        request.view_args = storable(request.view_args)

    @app.after_request
    def harden(response: Response) -> Response:
        if request.environ["PATH_INFO"].startswith(WEBHOOKS):
            return response  # browsers do not use them, and it would slow down webhooks
        for name, value in _headers(pictures).items():
            response.headers.setdefault(name, value)
        if is_https:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response
