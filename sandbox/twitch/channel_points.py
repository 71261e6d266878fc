"""Channel-point rewards and their redemptions in the API."""

import re
import uuid
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from aiohttp import web

from sandbox.twitch.answers import ApiError, body_of, page_of
from sandbox.twitch.models import CLIENT_ID, Channel, Redemption, Reward
from sandbox.twitch.state import FakeTwitch
from sandbox.twitch.tokens import Token

SCOPE = "channel:manage:redemptions"
MAX_REWARDS = 50

Json = dict[str, Any]


class ChannelPoints:
    """The endpoints.

    Args:
        channel_of: the channel with an id, else 400.
        need: checks a token's scope and owner.
    """

    def __init__(
        self,
        twitch: FakeTwitch,
        channel_of: Callable[[str], Channel],
        need: Callable[[Token, str, Channel], int],
    ) -> None:
        self.twitch = twitch
        self._channel_of = channel_of
        self._need = need

    def _owned(self, request: web.Request, token: Token) -> Channel:
        channel = self._channel_of(request.query.get("broadcaster_id", ""))
        self._need(token, SCOPE, channel)
        return channel

    def _reward(self, request: web.Request, channel: Channel, name: str = "id") -> Reward:
        reward = channel.rewards.get(request.query.get(name, ""))
        if reward is None:
            raise ApiError(404, "The custom reward was not found")
        if reward.client_id != CLIENT_ID:
            raise ApiError(403, "The reward was created with another client id")
        return reward

    async def list_rewards(self, request: web.Request, token: Token) -> web.Response:
        channel = self._owned(request, token)
        ids = request.query.getall("id", [])
        ours = request.query.get("only_manageable_rewards") == "true"
        found = [
            reward.json(channel.owner)
            for reward in channel.rewards.values()
            if (not ids or reward.id in ids) and (not ours or reward.client_id == CLIENT_ID)
        ]
        if ids and not found:
            raise ApiError(404, "The custom rewards were not found")
        return web.json_response({"data": found})

    async def create(self, request: web.Request, token: Token) -> web.Response:
        channel = self._owned(request, token)
        body = await body_of(request)
        if len(channel.rewards) >= MAX_REWARDS:
            raise ApiError(400, "CREATE_CUSTOM_REWARD_TOO_MANY_REWARDS")
        reward = Reward(str(uuid.uuid4()), "", 0)
        _change(channel, reward, {key: value for key, value in body.items() if key != "is_paused"})
        channel.rewards[reward.id] = reward
        self.twitch.tell_reward(channel, reward, "add")
        return web.json_response({"data": [reward.json(channel.owner)]})

    async def change(self, request: web.Request, token: Token) -> web.Response:
        channel = self._owned(request, token)
        reward = self._reward(request, channel)
        _change(channel, reward, await body_of(request))
        self.twitch.tell_reward(channel, reward, "update")
        return web.json_response({"data": [reward.json(channel.owner)]})

    async def delete(self, request: web.Request, token: Token) -> web.Response:
        channel = self._owned(request, token)
        self.twitch.delete_reward(channel, self._reward(request, channel))
        return web.Response(status=204)

    async def list_redemptions(self, request: web.Request, token: Token) -> web.Response:
        channel = self._owned(request, token)
        reward = self._reward(request, channel, "reward_id")
        ids, status = request.query.getall("id", []), request.query.get("status", "")
        if "" in ids:
            raise ApiError(500, "Internal Server Error")
        if not ids and status not in ("UNFULFILLED", "FULFILLED", "CANCELED"):
            raise ApiError(400, "The status or id is required")
        found = [
            self._json(channel, redemption)
            for redemption in channel.redemptions.values()
            if redemption.reward is reward
            and (redemption.id in ids if ids else redemption.status == status)
        ]
        if ids and not found:
            raise ApiError(404, "The redemptions were not found")
        return page_of(request, found, 50)

    async def decide(self, request: web.Request, token: Token) -> web.Response:
        channel = self._owned(request, token)
        reward = self._reward(request, channel, "reward_id")
        status = (await body_of(request)).get("status")
        if status not in ("FULFILLED", "CANCELED"):
            raise ApiError(400, "The status is not valid")
        ids = request.query.getall("id", [])
        found = [
            redemption
            for redemption in channel.redemptions.values()
            if redemption.id in ids
            and redemption.reward is reward
            and redemption.status == "UNFULFILLED"
        ]
        if not ids or len(found) < len(set(ids)):
            raise ApiError(404, "The redemptions were not found or are not UNFULFILLED")
        for redemption in found:
            self.twitch.decide(channel, redemption, str(status))
        return web.json_response(
            {"data": [self._json(channel, redemption) for redemption in found]}
        )

    def _json(self, channel: Channel, made: Redemption) -> Json:
        reward = made.reward
        return {
            **channel.owner.fields("broadcaster"),
            "id": made.id,
            **self.twitch.accounts[made.user_id].fields("user"),
            "user_input": "",
            "status": made.status,
            "redeemed_at": made.redeemed_at,
            "reward": {
                "id": reward.id,
                "title": reward.title,
                "prompt": reward.prompt,
                "cost": made.cost,
            },
        }


def _change(channel: Channel, reward: Reward, body: Json) -> None:
    """Set the fields that were sent, else 400."""
    new = {name: value for name, value in body.items() if name in _NAMES}
    title, cost = new.get("title", reward.title), new.get("cost", reward.cost)
    if not isinstance(title, str) or not 1 <= len(title) <= 45:
        raise ApiError(400, "The title must contain 1 to 45 characters")
    if any(other.title == title and other is not reward for other in channel.rewards.values()):
        raise ApiError(400, "CREATE_CUSTOM_REWARD_DUPLICATE_REWARD")
    if not isinstance(cost, int) or cost < 1:
        raise ApiError(400, "The cost must be at least 1")
    if len(str(new.get("prompt", ""))) > 200:
        raise ApiError(400, "The prompt is limited to 200 characters")
    if not re.fullmatch("#[0-9A-Fa-f]{6}", str(new.get("background_color", "#000000"))):
        raise ApiError(400, "The background_color is not valid")
    if not 1 <= int(new.get("global_cooldown_seconds", 1)) <= 604_800:
        raise ApiError(400, "The global_cooldown_seconds is not valid")
    for name, value in new.items():
        setattr(reward, name, value)


_NAMES = {field.name for field in fields(Reward)} - {"id", "client_id"}
