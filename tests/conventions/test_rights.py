"""Every surface of an action needs the same right: slash and typed commands, buttons, pages, forms
and the API. The surfaces are read from the declarations, so new ones are included."""

import ast
import asyncio
import inspect
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from functools import cache, partial
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import Connection

from core.features import load_features
from core.guilds.actions import audit, change_setting
from core.kit.database.connection import Database
from core.kit.database.work import Work
from core.kit.discord.access import group_of, group_of_command, is_grantable
from core.kit.discord.buttons import ConfirmButton
from core.kit.discord.ui import needed_permissions
from core.kit.errors import Forbidden
from core.kit.rights import is_for_admins
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.clock import utc_now
from core.kit.services import Services
from core.points.actions import end_season
from tests.conventions.tree import file_of, modules
from tests.kick.rig import settings

ADMINS = "admins only"
EVERYONE = "everyone"
FEATURES = load_features()

FOR_MANAGE_MESSAGES = {"CallButton", "HuntButton", "HeistButton"}
"""Buttons below posts, also for those who may delete the posts (docs/deploy.md says so)."""

Surfaces = dict[str, dict[str, set[str]]]
"""Action -> right -> the surfaces that need it."""


# -- which actions a surface calls -----------------------------------------------------------------


@cache
def mentioned(function: Any) -> tuple[tuple[str, ...], ...]:
    """Names in its source, such as `("actions", "end_season")`."""
    found: list[tuple[str, ...]] = []
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            found.append((inner.id, *reversed(parts)))
    return tuple(found)


def called(function: Any, owner: type | None) -> Iterator[Any]:
    """The functions of ours that it mentions; methods of `owner` by `self`."""
    for first, *rest in mentioned(function):
        found: Any = owner if first in ("self", "cls") else function.__globals__.get(first)
        for name in rest:
            has = inspect.ismodule(found) or inspect.isclass(found)
            found = getattr(found, name, None) if has else None
        if type(found).__name__ in ("HybridCommand", "HybridGroup"):
            found = found.callback
        if inspect.isfunction(found) and found.__module__.startswith("core."):
            yield inspect.unwrap(found) if not is_for_admins(found) else found


def all_called(function: Any, owner: type | None, seen: set[Any]) -> Iterator[Any]:
    """The same, with what those call."""
    for callee in called(inspect.unwrap(function), owner):
        if callee not in seen:
            seen.add(callee)
            yield callee
            yield from all_called(callee, owner, seen)


def takes_work(function: Any) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    return bool(parameters) and parameters[0].annotation in (Work, "Work")


@cache
def is_moderation(function: Any) -> bool:
    """An action that ends up in the audit log."""
    return takes_work(function) and any(
        callee is audit for callee in all_called(function, None, set())
    )


def actions_of(function: Any, owner: type | None, seen: set[Any]) -> Iterator[Any]:
    """The outermost audited actions that a surface runs."""
    for callee in called(inspect.unwrap(function), owner):
        if callee in seen or callee is audit:
            continue
        seen.add(callee)
        if is_moderation(callee):
            yield callee
        elif not takes_work(callee) and not callee.__module__.startswith("core.kit"):
            yield from actions_of(callee, owner, seen)


# -- all surfaces ----------------------------------------------------------------------------------


def surfaces(services: Services) -> Iterator[tuple[str, Any, type | None, str]]:
    """Name, function, class and right of everything that people can use."""
    for feature in FEATURES:
        for build in feature.cogs:
            cog = build(services)
            for command in cog.walk_commands():
                yield f"/{command.qualified_name}", command.callback, type(cog), right_of(command)
        for button in feature.buttons:
            yield from of_button(button)
        for pages in (*feature.guild_pages, *((feature.me,) if feature.me else ())):
            for route in pages.routes:
                right = ADMINS if route.admins_only else pages.group
                right = EVERYONE if pages.for_members else right
                yield f"{route.method} {pages.name}/{route.path}", route.view, None, right
        for endpoint in feature.api.endpoints if feature.api else ():
            if not endpoint.secret:
                yield (
                    f"{endpoint.method} /api{endpoint.path}",
                    endpoint.handler,
                    None,
                    endpoint.group,
                )


def right_of(command: Any) -> str:
    if not needed_permissions(command).value:
        return EVERYONE
    return group_of_command(command) if is_grantable(command) else ADMINS


def of_button(button: Any) -> Iterator[tuple[str, Any, type | None, str]]:
    permission = getattr(button, "permission", "")
    right = group_of(button.__module__) if permission else EVERYONE
    assert (
        issubclass(button, ConfirmButton)
        or permission in ("", "manage_guild")
        or (permission == "manage_messages" and button.__name__ in FOR_MANAGE_MESSAGES)
    ), button
    for name in ("press", "submit", "confirm", "give", "callback"):
        function = getattr(button, name, None)
        if inspect.isfunction(function) and not function.__module__.startswith("core.kit"):
            yield f"button {button.__name__}", function, button, right


@pytest.fixture(scope="module")
def found() -> Surfaces:
    return asyncio.run(find())


async def find() -> Surfaces:
    """Cogs and buttons need a running loop."""
    services = Services(settings(), Database("postgresql://nowhere/none"), LocalBus())
    found: Surfaces = defaultdict(lambda: defaultdict(set))
    for name, function, owner, right in surfaces(services):
        for action in actions_of(function, owner, set()):
            needed = ADMINS if is_for_admins(action) and "button" in name else right
            found[f"{action.__module__}.{action.__qualname__}"][needed].add(name)
    return found


def test_surfaces_of_an_action_need_the_same_right(found: Surfaces) -> None:
    own = f"{change_setting.__module__}.{change_setting.__qualname__}"  # has its own right
    different = {
        action: {right: sorted(names) for right, names in rights.items() if right != EVERYONE}
        for action, rights in found.items()
        if len(rights.keys() - {EVERYONE}) > 1 and action != own
    }
    assert different == {}
    assert len(found) > 60, "surfaces are no longer found"


def test_actions_for_admins_are_offered_to_admins_only(found: Surfaces) -> None:
    offered = {action: set(rights) for action, rights in found.items() if ADMINS in rights}
    assert f"{end_season.__module__}.end_season" in offered
    assert all(rights == {ADMINS} for rights in offered.values()), offered


DECLARED = {
    f"{var.__module__}.{var.__qualname__}": var
    for module in modules()
    if "." in module and file_of(module).name in ("actions.py", "people.py")
    for var in vars(import_module(module)).values()
    if inspect.isfunction(var) and is_for_admins(var)
}


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_actions_for_admins_check_who_asks(name: str, tx: Connection, guild_id: int) -> None:
    """Whatever the surface has forgotten."""
    with Work(tx, guild_id, now=utc_now(), actor=5) as work, pytest.raises(Forbidden):
        work.limit_to(lambda _tx: frozenset(feature.name for feature in FEATURES))
        DECLARED[name](work)


def allow(group: str, _tx: Connection) -> frozenset[str]:
    return frozenset({group})


def test_settings_are_changed_by_their_feature_or_the_settings_group(
    tx: Connection, guild_id: int
) -> None:
    declared = next(feature for feature in load_features() if feature.name == "raffle").settings[0]
    for group, allowed in (("raffle", True), ("settings", True), ("points", False)):
        with Work(tx, guild_id, now=utc_now(), actor=5) as work:
            work.limit_to(partial(allow, group))
            if allowed:
                change_setting(work, declared, declared.default)
            else:
                with pytest.raises(Forbidden):
                    change_setting(work, declared, declared.default)
