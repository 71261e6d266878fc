"""id.kick.com: consent, tokens, revocation, introspection (facts, section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

from sandbox.kick.bodies import colour_of
from sandbox.kick.models import Account
from sandbox.kick.state import FakeKick
from sandbox.kick.tokens import CLIENT_ID, CLIENT_SECRET, SCOPES, InvalidGrant, Token

BASE = "/kick/id/oauth"
PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)

Form = Mapping[str, str]

SCOPE_WORDS = {
    "user:read": "See your name, e-mail and picture",
    "channel:read": "See your channel",
    "channel:write": "Change your title, category and tags",
    "channel:rewards:read": "See channel-point rewards and redemptions",
    "channel:rewards:write": "Manage channel-point rewards and redemptions",
    "chat:write": "Send chat messages, and let its bot post in your chat",
    "streamkey:read": "See your stream key",
    "events:subscribe": "Hear what happens in your channel",
    "moderation:ban": "Ban and time out",
    "moderation:chat_message:manage": "Delete chat messages",
    "kicks:read": "See the KICKs leaderboard",
}


class BadRequest(Exception):
    """A refused authorize request; ``redirect`` is where to report it, if that address is valid."""

    def __init__(self, message: str, redirect: str | None = None) -> None:
        super().__init__(message)
        self.redirect = redirect


@dataclass(frozen=True)
class AuthorizeRequest:
    """A validated authorize request."""

    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    code_challenge: str


def routes(kick: FakeKick) -> list[web.RouteDef]:
    server = _OAuth(kick)
    return [
        web.get(f"{BASE}/authorize", server.consent_page),
        web.post(f"{BASE}/authorize", server.consent),
        web.post(f"{BASE}/token", server.token),
        web.post(f"{BASE}/revoke", server.revoke),
        web.post(f"{BASE}/token/introspect", server.introspect),
    ]


class _OAuth:
    def __init__(self, kick: FakeKick) -> None:
        self.kick = kick
        self.tokens = kick.tokens

    async def consent_page(self, request: web.Request) -> web.Response:
        """The consent form."""
        try:
            asked = self._asked(request)
        except BadRequest as error:
            return self._refused(error)
        html = PAGES.get_template("consent.html").render(
            scopes=[(scope, SCOPE_WORDS[scope]) for scope in asked.scopes],
            accounts=[(each, colour_of(each)) for each in self._people()],
            streamers=self.kick.streamers,
            query=request.rel_url.raw_query_string,
            host=urlsplit(asked.redirect_uri).netloc,
        )
        return web.Response(text=html, content_type="text/html")

    def _people(self) -> list[Account]:
        return [each for each in self.kick.accounts.values() if not each.is_bot]

    def _query(self, request: web.Request) -> str:
        query = request.rel_url.raw_query_string
        if not self.kick.faults.flag("kick.oauth.localhost_rewrite"):
            return query
        return query.replace("127.0.0.1", "localhost", 1)

    def _asked(self, request: web.Request) -> AuthorizeRequest:
        """Client and redirect are checked first: nobody may be redirected before that."""
        query = dict(parse_qsl(self._query(request), keep_blank_values=True))
        redirect_uri = query.get("redirect_uri", "")
        if query.get("client_id") != CLIENT_ID:
            raise BadRequest("Unknown client_id.")
        if not self._registered(redirect_uri):
            raise BadRequest("The redirect_uri is not registered for this app.")
        if (problem := _problem(query)) is not None:
            raise BadRequest(
                problem, _with(redirect_uri, _error("invalid_request", problem, query))
            )
        scopes = tuple(query["scope"].split())
        return AuthorizeRequest(redirect_uri, scopes, query["state"], query["code_challenge"])

    def _registered(self, uri: str) -> bool:
        if self.kick.redirect_uris:
            return uri in self.kick.redirect_uris
        wanted, given = urlsplit(self.kick.webhooks.url), urlsplit(uri)
        hosts = {wanted.hostname, "localhost", "127.0.0.1"}
        return (
            given.scheme == wanted.scheme and given.hostname in hosts and given.port == wanted.port
        )

    def _refused(self, error: BadRequest) -> web.Response:
        if error.redirect is not None:
            return web.Response(status=302, headers={"Location": error.redirect})
        html = PAGES.get_template("refused.html").render(reason=str(error))
        return web.Response(text=html, status=400, content_type="text/html")

    async def consent(self, request: web.Request) -> web.Response:
        """The form's buttons: ``person`` (a handle) or ``decision=deny``."""
        try:
            asked = self._asked(request)
        except BadRequest as error:
            return self._refused(error)
        form = await request.post()
        if form.get("decision") == "deny":
            denied = _error("access_denied", "The user denied the request.", {"state": asked.state})
            return _redirect(_with(asked.redirect_uri, denied))
        try:
            account = self.kick.account_of(str(form.get("person", "")))
        except KeyError:
            return self._refused(BadRequest("Nobody of that name is logged in."))
        code = self.tokens.consent(
            account.user_id, asked.scopes, asked.redirect_uri, asked.code_challenge
        )
        self.kick.changes.publish("kick.consent", handle=account.handle, scopes=list(asked.scopes))
        return _redirect(_with(asked.redirect_uri, {"code": code, "state": asked.state}))

    async def token(self, request: web.Request) -> web.Response:
        """All three grants, form-encoded; the answer is not wrapped in ``data``."""
        if self.kick.faults.take("kick.token.500"):
            return web.json_response({"error": "server_error"}, status=500)
        form = {key: str(value) for key, value in (await request.post()).items()}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return self._token_error("invalid_client", "Client authentication failed.", 401)
        if self.kick.faults.take("kick.token.invalid_grant"):
            return self._token_error("invalid_grant", "The grant is invalid or has expired.")
        try:
            return self._grant(form)
        except InvalidGrant as error:
            return self._token_error("invalid_grant", str(error))

    def _grant(self, form: Form) -> web.Response:
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            access, token = self.tokens.app_token()
            return self._tokens(access, token)
        if kind == "authorization_code":
            access, refresh, token = self.tokens.redeem_code(
                form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier", "")
            )
            return self._tokens(access, token, refresh)
        if kind == "refresh_token":
            access, refresh, token = self.tokens.refresh(form.get("refresh_token", ""))
            return self._tokens(access, token, refresh)
        return self._token_error("unsupported_grant_type", "The grant_type is not supported.")

    def _tokens(self, access: str, token: Token, refresh: str | None = None) -> web.Response:
        lifetime = round(token.expires_at - token.issued_at)
        as_text = self.kick.faults.flag("kick.token.expires_in_string")
        body: dict[str, object] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": str(lifetime) if as_text else lifetime,
        }
        if refresh is not None:
            body |= {"refresh_token": refresh, "scope": " ".join(token.scopes)}
        return web.json_response(body)

    def _token_error(self, error: str, description: str, status: int = 400) -> web.Response:
        """Kick's real answer, or by fault the one in its docs."""
        if self.kick.faults.flag("kick.token.docs_error"):
            return web.json_response({"error": "Invalid request"}, status=400)
        body = {"error": error, "error_description": description}
        return web.json_response(body, status=status)

    async def revoke(self, request: web.Request) -> web.Response:
        """``token`` and ``token_hint_type`` (Kick's name for it) in the query or the form."""
        given = {**{k: str(v) for k, v in (await request.post()).items()}, **request.query}
        if not given.get("token"):
            return self._token_error("invalid_request", "token is required.")
        if given.get("token_hint_type", "access_token") not in ("access_token", "refresh_token"):
            return self._token_error("unsupported_token_type", "Unknown token_hint_type.")
        self.tokens.revoke(given["token"])
        return web.Response(text="OK")

    async def introspect(self, request: web.Request) -> web.Response:
        """Describes the bearer token, without its user."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            return web.json_response({"data": None, "message": "Unauthorized"}, status=401)
        token = self.tokens.read(text.strip())
        data: dict[str, object] = {
            "active": False, "client_id": None, "token_type": None, "scope": None, "exp": None,
        }  # fmt: skip
        if token is not None:
            data = {
                "active": True,
                "client_id": CLIENT_ID,
                "token_type": token.kind,
                "scope": " ".join(token.scopes),
                "exp": int(token.expires_at),
            }
        return web.json_response({"data": data, "message": "OK"})


def _problem(query: Form) -> str | None:
    """The error in the parameters that may be reported to the redirect address."""
    if query.get("response_type") != "code":
        return "response_type must be code."
    if not query.get("state"):
        return "state is required."
    if query.get("code_challenge_method") != "S256":
        return "code_challenge_method must be S256."
    if len(query.get("code_challenge", "")) != 43:
        return "code_challenge must be a base64url SHA-256 without padding."
    scopes = query.get("scope", "").split()
    if not scopes or not set(scopes) <= set(SCOPES):
        return "scope is missing or unknown."
    return None


def _error(error: str, description: str, query: Form) -> dict[str, str]:
    state = {"state": query["state"]} if query.get("state") else {}
    return {"error": error, "error_description": description, **state}


def _with(uri: str, more: Form) -> str:
    """The URI with further query parameters."""
    parts = urlsplit(uri)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *more.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _redirect(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location})
