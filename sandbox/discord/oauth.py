"""Discord's OAuth: consent page, token, revocation, and what a user's token may read.

https://docs.discord.com/developers/topics/oauth2
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

from sandbox.discord import payloads, permissions
from sandbox.discord.errors import Json
from sandbox.discord.rest import API_PREFIX
from sandbox.discord.state import CLIENT_SECRET

if TYPE_CHECKING:
    from sandbox.discord.models import User
    from sandbox.discord.state import FakeDiscord

AUTHORIZE = "/discord/oauth2/authorize"
SCOPES = {
    "identify": "See your name and picture",
    "guilds": "See which servers you are in",
}
PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class _Consent:
    user_id: int
    redirect_uri: str
    challenge: str
    scopes: tuple[str, ...]


class DiscordOAuth:
    """Codes and tokens live as long as the sandbox."""

    def __init__(self, discord: FakeDiscord) -> None:
        self.discord = discord
        self._codes: dict[str, _Consent] = {}
        self._tokens: dict[str, _Consent] = {}

    @property
    def client_id(self) -> str:
        return str(self.discord.bot.id)

    def routes(self, others: Mapping[str, Handler]) -> list[web.RouteDef]:
        """Also the addresses that a user's token shares with the bot's; `others` has the latter."""
        return [
            web.get(AUTHORIZE, self.consent_page),
            web.post(AUTHORIZE, self.consent),
            web.post(f"{API_PREFIX}/oauth2/token", self.token),
            web.post(f"{API_PREFIX}/oauth2/token/revoke", self.revoke),
            web.get(f"{API_PREFIX}/users/@me", self._for_users(self.me, others["/users/@me"])),
            web.get(
                f"{API_PREFIX}/users/@me/guilds",
                self._for_users(self.my_guilds, others["/users/@me/guilds"]),
            ),
        ]

    # -- the consent page --------------------------------------------------------------------

    async def consent_page(self, request: web.Request) -> web.Response:
        if (problem := self._problem(request.query)) is not None:
            return web.Response(text=problem, status=400)
        html = PAGES.get_template("consent.html").render(
            scopes=[SCOPES[scope] for scope in request.query["scope"].split()],
            people=[user for user in self.discord.users.values() if not user.bot],
            query=request.rel_url.raw_query_string,
            host=urlsplit(request.query["redirect_uri"]).netloc,
        )
        return web.Response(text=html, content_type="text/html")

    def _problem(self, query: Mapping[str, str]) -> str | None:
        redirect = urlsplit(query.get("redirect_uri", ""))
        scopes = query.get("scope", "").split()
        checks = {
            "Unknown client_id.": query.get("client_id") == self.client_id,
            "Invalid OAuth2 redirect_uri.": redirect.hostname in self.discord.redirect_hosts,
            "response_type must be code.": query.get("response_type") == "code",
            "Unknown scope.": bool(scopes) and set(scopes) <= set(SCOPES),
            "code_challenge_method must be S256.": query.get("code_challenge_method") == "S256",
        }
        return next((problem for problem, is_fine in checks.items() if not is_fine), None)

    async def consent(self, request: web.Request) -> web.Response:
        """The form's buttons: `person` (a user id) or `decision=deny`."""
        if (problem := self._problem(request.query)) is not None:
            return web.Response(text=problem, status=400)
        form, query = await request.post(), request.query
        back = {"state": query["state"]} if "state" in query else {}
        if form.get("decision") == "deny":
            back |= {"error": "access_denied", "error_description": "The user denied the request"}
        else:
            code = secrets.token_urlsafe(22)
            self._codes[code] = _Consent(
                int(str(form["person"])),
                query["redirect_uri"],
                query["code_challenge"],
                tuple(query["scope"].split()),
            )
            back["code"] = code
        return web.Response(
            status=302, headers={"Location": f"{query['redirect_uri']}?{urlencode(back)}"}
        )

    # -- tokens ------------------------------------------------------------------------------

    async def token(self, request: web.Request) -> web.Response:
        if self.discord.faults.take("discord.rest.500"):
            return web.json_response({"message": "500: Internal Server Error"}, status=500)
        form = {key: str(value) for key, value in parse_qsl((await request.read()).decode())}
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        found = self._codes.pop(form.get("code", ""), None)
        if (
            form.get("grant_type") != "authorization_code"
            or found is None
            or found.redirect_uri != form.get("redirect_uri")
            or found.challenge != _challenge(form.get("code_verifier", ""))
        ):
            body = {"error": "invalid_grant", "error_description": 'Invalid "code" in request.'}
            return web.json_response(body, status=400)
        access = secrets.token_urlsafe(22)
        self._tokens[access] = found
        return web.json_response(
            {
                "token_type": "Bearer",
                "access_token": access,
                "expires_in": 604_800,
                "refresh_token": secrets.token_urlsafe(22),
                "scope": " ".join(found.scopes),
            }
        )

    def _is_client(self, request: web.Request, form: Mapping[str, str]) -> bool:
        given = (form.get("client_id"), form.get("client_secret"))
        scheme, _, basic = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            name, _, secret = b64decode(basic).decode().partition(":")
            given = (name, secret)
        return given == (self.client_id, CLIENT_SECRET)

    async def revoke(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in parse_qsl((await request.read()).decode())}
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        # Discord ends all tokens of this person for the app.
        if (revoked := self._tokens.get(form.get("token", ""))) is not None:
            self._tokens = {
                token: granted
                for token, granted in self._tokens.items()
                if granted.user_id != revoked.user_id
            }
        return web.json_response({})

    # -- what a user's token reads -----------------------------------------------------------

    def _for_users(self, mine: Callable[[_Consent], Json | list[Json]], other: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer":
                return await other(request)
            if self.discord.faults.take("discord.rest.500"):
                return web.json_response({"message": "500: Internal Server Error"}, status=500)
            consent = self._tokens.get(token)
            if consent is None:
                return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)
            return web.json_response(mine(consent))

        return handle

    def me(self, consent: _Consent) -> Json:
        return payloads.user(self._user(consent)) | {"locale": "en-US", "mfa_enabled": False}

    def my_guilds(self, consent: _Consent) -> list[Json]:
        found = []
        for guild in self.discord.guilds.values():
            if (member := guild.members.get(consent.user_id)) is None:
                continue
            full = payloads.guild(self.discord, guild)
            found.append(
                {key: full[key] for key in ("id", "name", "icon", "banner", "features")}
                | {
                    "owner": guild.owner_id == consent.user_id,
                    "permissions": str(int(permissions.in_guild(guild, member))),
                }
            )
        return found

    def _user(self, consent: _Consent) -> User:
        return self.discord.user(consent.user_id)


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
