"""Who may use which commands, on the dashboard."""

from collections.abc import Sequence

from flask import Response

from core.guilds import actions as guilds
from core.kit.discord.access import slash_names
from core.kit.errors import Refusal
from core.kit.feature import CogBuilder
from core.kit.services import Services
from core.kit.text.words import _, package_title
from core.kit.web.guild_pages import GuildPages, Page


def permission_pages(cogs: Sequence[CogBuilder]) -> GuildPages:
    pages = GuildPages(
        "permissions", lambda: _("Permissions"), icon="key", order=88, group="settings"
    )

    built: dict[str, list[str]] = {}

    def groups_of(services: Services) -> dict[str, list[str]]:
        """Group -> its commands as Discord lists them, as `/permissions` shows."""
        if built:
            return built
        built.update(
            slash_names(command for build in cogs for command in build(services).walk_commands())
        )
        return built

    @pages.get(rights_of=guilds.grant)
    def permissions(page: Page) -> str:
        """Every group of commands, and the roles that have it."""
        names = {role.id: role.name for role in page.guild.roles}
        granted = page.run(guilds.list_permissions)
        groups = [
            (
                group,
                package_title(group),
                commands,
                [
                    (role_id, names[role_id])
                    for role_id in granted.get(group, ())
                    if role_id in names
                ],
            )
            for group, commands in groups_of(page.services).items()
        ]
        return page.render("settings/permissions.html", groups=groups, roles=_roles(page))

    @pages.post("<group>/grant", shows=permissions, rights_of=guilds.grant)
    def grant(page: Page, group: str) -> Response:
        _require_group(page, group)
        role_id = page.form.get("role", 0, type=int)
        new = page.run(guilds.grant, group, role_id)
        words = {"role": dict(_roles(page))[str(role_id)], "group": package_title(group)}
        if not new:
            return page.done(_("{role} already has {group}.").format(**words))
        return page.done(_("{role} can now use {group}.").format(**words))

    @pages.post("<group>/revoke", shows=permissions, rights_of=guilds.revoke)
    def revoke(page: Page, group: str) -> Response:
        _require_group(page, group)
        page.run(guilds.revoke, group, page.form.get("role", 0, type=int))
        return page.done(_("Permission for {group} revoked.").format(group=package_title(group)))

    def _require_group(page: Page, group: str) -> None:
        if group not in groups_of(page.services):
            raise Refusal(_("There is no such group of commands."))

    return pages


def _roles(page: Page) -> list[tuple[str, str]]:
    """Id and name of the roles that an admin gives to people."""
    return [
        (str(role.id), role.name)
        for role in page.guild.roles
        if role.id != page.guild.id and not role.managed
    ]
