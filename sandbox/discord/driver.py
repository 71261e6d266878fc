"""A blocking client of `/control/discord/...`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.driver import TIMEOUT_SECONDS, Driver, Json


class DiscordDriver(Driver):
    """People's actions on the fake Discord; people are given by handle."""

    service = "discord"

    # -- people ----------------------------------------------------------------------------------

    def message(
        self,
        person: str,
        channel: str,
        content: str,
        *,
        reply_to: str | None = None,
        guild: str | None = None,
    ) -> str:
        """Write a message; returns its id. `channel` "dm" is the person's DM with the bot."""
        body = {"person": person, "channel": channel, "content": content}
        sent = self._post("message", **body, reply_to=reply_to, guild=guild)
        return str(sent["message_id"])

    def edit_message(self, person: str, message_id: str, content: str) -> None:
        self._post("edit_message", person=person, message_id=message_id, content=content)

    def delete_message(self, message_id: str, *, person: str | None = None) -> None:
        self._post("delete_message", message_id=message_id, person=person)

    def slash(
        self,
        person: str,
        channel: str,
        command: str,
        options: Json | None = None,
        *,
        guild: str | None = None,
    ) -> Json:
        """Use a slash command; `{interaction_id, response}`, response None if none came in 5 s."""
        body = {"person": person, "channel": channel, "command": command}
        return self._post("slash", **body, options=options or {}, guild=guild)

    def autocomplete(
        self, person: str, channel: str, command: str, focused: str, options: Json | None = None
    ) -> list[Json]:
        """The choices the bot offers for the option `focused`."""
        body = {"person": person, "channel": channel, "command": command, "focused": focused}
        response = self._post("autocomplete", **body, options=options or {})["response"] or {}
        return list(response.get("choices") or [])

    def click(
        self,
        person: str,
        message_id: str,
        custom_id: str,
        values: Iterable[str] = (),
        *,
        ack_seconds: float | None = None,
    ) -> Json:
        """Press a button or choose in a select; `{interaction_id, response}`. When the bot has only
        acknowledged it, a response is waited for `ack_seconds` more, usually one."""
        body = {"person": person, "message_id": message_id, "custom_id": custom_id}
        return self._post("click", **body, values=list(values), ack_seconds=ack_seconds)

    def modal(
        self,
        person: str,
        interaction_id: str,
        fields: Json,
        *,
        ack_seconds: float | None = None,
    ) -> Json:
        """Send the modal that answered `interaction_id`; as `click`."""
        body = {"person": person, "interaction_id": interaction_id, "fields": fields}
        return self._post("modal", **body, ack_seconds=ack_seconds)

    def interaction(self, interaction_id: str) -> Json:
        """`{interaction_id, answer, response, followups}`."""
        return dict(self._get("interaction", interaction_id=interaction_id))

    def react(self, person: str, message_id: str, emoji: str, *, remove: bool = False) -> None:
        self._post("react", person=person, message_id=message_id, emoji=emoji, remove=remove)

    def pin(self, person: str, message_id: str, *, remove: bool = False) -> None:
        self._post("pin", person=person, message_id=message_id, remove=remove)

    def typing(self, person: str, channel: str) -> None:
        self._post("typing", person=person, channel=channel)

    # -- the admin -------------------------------------------------------------------------------

    def member(self, person: str, *, guild: str | None = None, **changes: Any) -> Json:
        """`join=True`, `leave=True`, `ban=True` or False, `roles=[names]`, `nick=...`,
        `dms_open=False`."""
        return self._post("member", person=person, guild=guild, **changes)

    def role(self, name: str, *, guild: str | None = None, **changes: Any) -> Json:
        """Create or change a role: `position=`, `permissions=`, `delete=True`."""
        return self._post("role", name=name, guild=guild, **changes)

    def command_role(
        self, command: str, role: str, *, allow: bool | None = True, guild: str | None = None
    ) -> Json:
        """Show a slash command to a role in Server Settings -> Integrations, or hide it."""
        return self._post("command_role", command=command, role=role, allow=allow, guild=guild)

    def overwrite(
        self,
        channel: str,
        target: str,
        allow: int | list[str] = 0,
        deny: int | list[str] = 0,
        *,
        guild: str | None = None,
    ) -> Json:
        body = {"channel": channel, "target": target, "allow": allow, "deny": deny}
        return self._post("overwrite", **body, guild=guild)

    def bot_access(self, channel: str, access: str, *, guild: str | None = None) -> Json:
        """Close a channel to the bot: `none`, `read` (only), or open it: `full`."""
        return self._post("bot_access", channel=channel, access=access, guild=guild)

    def channel(self, name: str, *, guild: str | None = None, **changes: Any) -> Json:
        """`create=True` or `delete=True`."""
        return self._post("channel", name=name, guild=guild, **changes)

    def gateway(self, action: str) -> Json:
        """kill, reconnect, invalidate, stop or start."""
        return self._post("gateway", action=action)

    def fault(self, **switches: Any) -> None:
        """`fault(rest_429=1)` sets `discord.rest.429`: the first underscore is the dot."""
        named = {f"discord.{key.replace('_', '.', 1)}": value for key, value in switches.items()}
        self.faults(named)

    # -- reading ---------------------------------------------------------------------------------

    def transcript(
        self, channel: str, *, guild: str | None = None, after: str | None = None
    ) -> list[Json]:
        """The messages, oldest first, `after` a message id if given. `dm:mia` is mia's DM with the
        bot."""
        return list(self._get("transcript", channel=channel, guild=guild, after=after))

    def commands(self) -> list[Json]:
        """The registered slash commands, one entry per subcommand, with `path` and `options`."""
        return list(self._get("commands"))

    def roles_of(self, person: str, *, guild: str = "Nora's Corner") -> list[str]:
        """The names of a member's roles, sorted."""
        found = next(g for g in self.state()["guilds"] if guild in (g["name"], g["id"]))
        names = {role["id"]: role["name"] for role in found["roles"]}
        member = next(m for m in found["members"] if m["handle"] == person)
        return sorted(names[role_id] for role_id in member["roles"])

    def wait_for(
        self,
        channel: str,
        predicate: Callable[[Json], bool],
        timeout: float = TIMEOUT_SECONDS,
        *,
        guild: str | None = None,
        after: str | None = None,
    ) -> Json:
        """The first transcript line that matches; else TimeoutError with the transcript."""

        def lines() -> list[Json]:
            return self.transcript(channel, guild=guild, after=after)

        return self.wait_until(
            lambda: next((line for line in lines() if predicate(line)), None),
            timeout,
            lambda: f"not in #{channel}: {lines()}",
        )

    def wait_connected(self, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until the bot has a gateway connection."""
        self.wait_until(lambda: self.state()["bot"]["connected"], timeout, lambda: "no bot")

    def wait_command(self, path: str, timeout: float = TIMEOUT_SECONDS) -> Json:
        """Wait until the bot has registered the slash command `path`."""
        return self.wait_until(
            lambda: next((c for c in self.commands() if c["path"] == path), None),
            timeout,
            lambda: f"no /{path} among {[c['path'] for c in self.commands()]}",
        )
