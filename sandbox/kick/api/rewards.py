"""Channel-point rewards and redemptions of the token's own channel (facts, section 4)."""

import re
from dataclasses import asdict
from itertools import groupby
from typing import Any

from aiohttp import web

from sandbox.kick.api.endpoints import (
    ApiError,
    Endpoints,
    Routes,
    bad,
    field_of,
    json_of,
    ok,
    page_of,
)
from sandbox.kick.bodies import Body
from sandbox.kick.ids import seconds, ulid
from sandbox.kick.models import Channel, Redemption, Reward

READ = ("channel:rewards:read", "channel:rewards:write")
WRITE = ("channel:rewards:write",)
MAX_REWARDS = 15
MAX_DECIDED = 25
REDEMPTIONS_PER_PAGE = 25
ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
FIELDS: dict[str, type] = {
    "title": str,
    "cost": int,
    "description": str,
    "background_color": str,
    "is_enabled": bool,
    "is_user_input_required": bool,
    "should_redemptions_skip_request_queue": bool,
}
SHOWN = ("id", *FIELDS, "is_paused")


class Rewards(Endpoints):
    def routes(self) -> Routes:
        return (
            ("GET", "/v1/channels/rewards", self.list_all),
            ("POST", "/v1/channels/rewards", self.create),
            ("GET", "/v1/channels/rewards/redemptions", self.redemptions),
            ("POST", "/v1/channels/rewards/redemptions/accept", self.accept),
            ("POST", "/v1/channels/rewards/redemptions/reject", self.reject),
            ("PATCH", "/v1/channels/rewards/{id}", self.change),
            ("DELETE", "/v1/channels/rewards/{id}", self.delete),
        )

    def _channel(self, request: web.Request, scopes: tuple[str, ...]) -> Channel:
        return self.kick.channels[self.user(request, *scopes)]

    async def list_all(self, request: web.Request) -> web.Response:
        return ok([_shown(reward) for reward in _existing(self._channel(request, READ))])

    async def create(self, request: web.Request) -> web.Response:
        """At most 15 per channel, including disabled ones."""
        channel = self._channel(request, WRITE)
        body = await json_of(request)
        fields = _fields(body, FIELDS)
        if "title" not in fields or "cost" not in fields:
            raise bad("title and cost are required")
        if len(_existing(channel)) >= MAX_REWARDS:
            raise bad(f"a channel has at most {MAX_REWARDS} rewards")
        reward = Reward(ulid(), **fields)
        channel.rewards[reward.id] = reward
        return ok(_shown(reward))

    async def change(self, request: web.Request) -> web.Response:
        channel = self._channel(request, WRITE)
        reward = _own(channel, request.match_info["id"])
        for name, value in _fields(await json_of(request), {**FIELDS, "is_paused": bool}).items():
            setattr(reward, name, value)
        return ok(_shown(reward))

    async def delete(self, request: web.Request) -> web.Response:
        channel = self._channel(request, WRITE)
        _own(channel, request.match_info["id"]).is_deleted = True
        return web.Response(status=204)

    async def redemptions(self, request: web.Request) -> web.Response:
        """Grouped by reward; rewards of others show only their id."""
        channel = self._channel(request, READ)
        status = request.query.get("status")
        if status not in (None, "pending", "accepted", "rejected"):
            raise bad("status must be pending, accepted or rejected")
        reward_id, ids = request.query.get("reward_id"), request.query.getall("id", [])
        found = [
            used
            for used in channel.redemptions.values()
            if (reward_id is None or used.reward.id == reward_id)
            and (not ids or used.id in ids)
            and (status is None or used.status == status)
        ]
        page, pagination = page_of(found, request, REDEMPTIONS_PER_PAGE)
        return ok(_grouped(page), pagination=pagination)

    async def accept(self, request: web.Request) -> web.Response:
        return await self._decide(request, "accepted")

    async def reject(self, request: web.Request) -> web.Response:
        return await self._decide(request, "rejected")

    async def _decide(self, request: web.Request, status: str) -> web.Response:
        """The answer lists only the failures, each with its reason."""
        channel = self._channel(request, WRITE)
        ids = field_of(await json_of(request), "ids", list, required=True)
        if not 1 <= len(ids) <= MAX_DECIDED or not all(isinstance(each, str) for each in ids):
            raise bad(f"ids must hold 1 to {MAX_DECIDED} ids")
        failures = []
        for redemption_id in ids:
            reason = _refusal(channel, redemption_id)
            if reason is None:
                self.kick.decide(channel, channel.redemptions[redemption_id], status)
            else:
                failures.append({"id": redemption_id, "reason": reason})
        return ok(failures)


def _existing(channel: Channel) -> list[Reward]:
    return [reward for reward in channel.rewards.values() if not reward.is_deleted]


def _shown(reward: Reward) -> Body:
    fields = asdict(reward)
    return {name: fields[name] for name in SHOWN}


def _own(channel: Channel, reward_id: str) -> Reward:
    """The reward if this app made it; 404 if unknown, 403 if made by others (guess)."""
    reward = channel.rewards.get(reward_id)
    if reward is None or reward.is_deleted:
        raise ApiError(404)
    if not reward.by_app:
        raise ApiError(403)
    return reward


def _fields(body: dict[str, Any], known: dict[str, type]) -> dict[str, Any]:
    """The known fields of a reward; 400 outside their types and limits."""
    given = {name: field_of(body, name, kind) for name, kind in known.items()}
    fields = {name: value for name, value in given.items() if value is not None}
    if not 1 <= len(fields.get("title", "x")) <= 50:
        raise bad("title must have 1 to 50 characters")
    if fields.get("cost", 1) < 1:
        raise bad("cost must be at least 1")
    if len(fields.get("description", "")) > 200:
        raise bad("description must be at most 200 characters")
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", fields.get("background_color", "#000000")):
        raise bad("background_color must be #RRGGBB")
    return fields


def _grouped(redemptions: list[Redemption]) -> list[Body]:
    ordered = sorted(redemptions, key=lambda each: each.reward.id)
    return [
        {"reward": _reward_of(group[0].reward), "redemptions": [_line(each) for each in group]}
        for _, found in groupby(ordered, key=lambda each: each.reward.id)
        if (group := list(found))
    ]


def _reward_of(reward: Reward) -> Body:
    if not reward.by_app:
        return {"id": reward.id, "can_manage": False}
    return {
        "id": reward.id,
        "title": reward.title,
        "cost": reward.cost,
        "description": reward.description,
        "can_manage": True,
        "is_deleted": reward.is_deleted,
    }


def _line(redemption: Redemption) -> Body:
    return {
        "id": redemption.id,
        "status": redemption.status,
        "redeemed_at": seconds(redemption.redeemed_at),
        "user_input": redemption.user_input,
        "redeemer": {"user_id": redemption.user_id},
    }


def _refusal(channel: Channel, redemption_id: str) -> str | None:
    """Why a redemption cannot be decided, in Kick's words; None if it can."""
    if not ULID.fullmatch(redemption_id):
        return "UNKNOWN"
    redemption = channel.redemptions.get(redemption_id)
    if redemption is None:
        return "NOT_FOUND"
    if not redemption.reward.by_app:
        return "NOT_OWNED"
    return None if redemption.status == "pending" else "NOT_PENDING"
