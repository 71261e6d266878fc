"""Who is mentioned:
https://discord.com/developers/docs/resources/message#allowed-mentions-object."""

from __future__ import annotations

import re

from sandbox.discord.errors import Json
from sandbox.discord.models import Guild, Mentions

_USER = re.compile(r"<@!?(\d{15,20})>")
_ROLE = re.compile(r"<@&(\d{15,20})>")
_EVERYONE = re.compile(r"@(everyone|here)\b")


def found_in(
    content: str, allowed: Json | None, guild: Guild | None, *, may_everyone: bool
) -> Mentions:
    """The mentions that take effect; `allowed` None allows what the author may do."""
    rules: Json = {"parse": ["users", "roles", "everyone"]} if allowed is None else allowed
    parse = rules.get("parse") or []
    mentions = Mentions()
    mentions.users = _kept(_ids(_USER, content), "users" in parse, rules.get("users"))
    if guild is None:
        return mentions
    roles = _kept(_ids(_ROLE, content), "roles" in parse, rules.get("roles"))
    mentions.roles = [
        role_id
        for role_id in roles
        if role_id in guild.roles and (may_everyone or guild.roles[role_id].mentionable)
    ]
    wanted = "everyone" in parse and bool(_EVERYONE.search(content))
    mentions.everyone = wanted and may_everyone
    return mentions


def _ids(pattern: re.Pattern[str], content: str) -> list[int]:
    """Each id once, in the order of the text."""
    return list(dict.fromkeys(int(one) for one in pattern.findall(content)))


def _kept(ids: list[int], all_allowed: bool, listed: list[int | str] | None) -> list[int]:
    if all_allowed:
        return ids
    permitted = {int(one) for one in listed or []}
    return [one for one in ids if one in permitted]
