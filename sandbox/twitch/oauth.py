"""id.twitch.tv/oauth2: consent, tokens, validation and revocation."""

import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

from sandbox.twitch.models import CLIENT_ID, CLIENT_SECRET
from sandbox.twitch.state import FakeTwitch
from sandbox.twitch.tokens import InvalidGrant, Token

BASE = "/twitch/oauth2"
FOLDERS = (Path(__file__).parent, Path(__file__).parent.parent / "kick")
PAGES = Environment(loader=FileSystemLoader(FOLDERS), autoescape=True)


def routes(twitch: FakeTwitch) -> list[web.RouteDef]:
    server = _OAuth(twitch)
    return [
        web.get(f"{BASE}/authorize", server.consent_page),
        web.post(f"{BASE}/authorize", server.consent),
        web.post(f"{BASE}/token", server.token),
        web.get(f"{BASE}/validate", server.validate),
        web.post(f"{BASE}/revoke", server.revoke),
    ]


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"status": status, "message": message}, status=status)


class _OAuth:
    def __init__(self, twitch: FakeTwitch) -> None:
        self.twitch = twitch
        self.tokens = twitch.tokens

    def _problem(self, request: web.Request) -> str | None:
        """Why a consent page is not shown; nobody is redirected then."""
        if request.query.get("client_id") != CLIENT_ID:
            return "invalid client"
        wanted, given = urlsplit(self.twitch.product_url), urlsplit(request.query["redirect_uri"])
        hosts = {wanted.hostname, "localhost", "127.0.0.1"}
        if given.hostname not in hosts or given.port != wanted.port:
            return "Parameter redirect_uri does not match registered URI"
        return None if request.query.get("response_type") == "code" else "missing response type"

    async def consent_page(self, request: web.Request) -> web.Response:
        """The consent form."""
        if problem := self._problem(request):
            return _error(400, problem)
        html = PAGES.get_template("consent.html").render(
            scopes=request.query.get("scope", "").split(),
            accounts=list(self.twitch.accounts.values()),
            streamers=self.twitch.channels,
            query=request.rel_url.raw_query_string,
            host=urlsplit(request.query["redirect_uri"]).netloc,
        )
        return web.Response(text=html, content_type="text/html")

    async def consent(self, request: web.Request) -> web.Response:
        """The form's buttons: ``person`` (a handle) or ``decision=deny``."""
        if problem := self._problem(request):
            return _error(400, problem)
        form = await request.post()
        redirect, state = request.query["redirect_uri"], request.query.get("state", "")
        if form.get("decision") == "deny":
            given = {
                "error": "access_denied",
                "error_description": "The user denied you access",
                "state": state,
            }
            return _redirect(redirect, given)
        try:
            account = self.twitch.account_of(str(form.get("person", "")))
        except KeyError:
            return _error(400, "nobody of that name is logged in")
        scope = request.query.get("scope", "")
        code = self.tokens.consent(account.user_id, tuple(scope.split()), redirect)
        return _redirect(redirect, {"code": code, "scope": scope, "state": state})

    async def token(self, request: web.Request) -> web.Response:
        """All three grants, form-encoded."""
        if self.twitch.faults.take("twitch.token.500"):
            return _error(500, "Internal Server Error")
        form = await _given(request)
        if form.get("client_id") != CLIENT_ID:
            return _error(400, "invalid client")
        if form.get("client_secret") != CLIENT_SECRET:
            return _error(403, "invalid client secret")
        try:
            return self._grant(form)
        except InvalidGrant as error:
            return _error(400, str(error))

    def _grant(self, form: dict[str, str]) -> web.Response:
        kind = form.get("grant_type")
        if kind == "client_credentials":
            return _tokens(*self.tokens.app_token())
        if kind == "authorization_code":
            code, redirect = form.get("code", ""), form.get("redirect_uri", "")
            access, refresh, token = self.tokens.redeem(code, redirect)
            return _tokens(access, token, refresh)
        if kind == "refresh_token":
            access, refresh, token = self.tokens.renew(form.get("refresh_token", ""))
            return _tokens(access, token, refresh)
        return _error(400, "invalid grant type")

    async def validate(self, request: web.Request) -> web.Response:
        """`Authorization: OAuth <token>`."""
        _kind, _space, access = request.headers.get("Authorization", "").partition(" ")
        token = self.tokens.read(access)
        if token is None or not request.headers["Authorization"].startswith("OAuth "):
            return _error(401, "invalid access token")
        body: dict[str, object] = {
            "client_id": CLIENT_ID,
            "scopes": list(token.scopes),
            "expires_in": round(token.expires_at - time.time()),
        }
        if token.user_id is not None:
            login = self.twitch.accounts[token.user_id].login
            body |= {"login": login, "user_id": str(token.user_id)}
        return web.json_response(body)

    async def revoke(self, request: web.Request) -> web.Response:
        """An access token."""
        form = await _given(request)
        if form.get("client_id") != CLIENT_ID:
            return _error(404, "client does not exist")
        if self.tokens.access.pop(form.get("token", ""), None) is None:
            return _error(400, "Invalid token")
        return web.Response(status=200)


async def _given(request: web.Request) -> dict[str, str]:
    """The parameters, which Twitch takes in the form or in the address."""
    form = {key: str(value) for key, value in (await request.post()).items()}
    return {**request.query, **form}


def _redirect(address: str, given: dict[str, str]) -> web.Response:
    return web.Response(status=302, headers={"Location": f"{address}?{urlencode(given)}"})


def _tokens(access: str, token: Token, refresh: str | None = None) -> web.Response:
    body: dict[str, object] = {
        "access_token": access,
        "expires_in": round(token.expires_at - time.time()),
        "token_type": "bearer",
    }
    if refresh is not None:
        body |= {"refresh_token": refresh, "scope": list(token.scopes)}
    return web.json_response(body)
