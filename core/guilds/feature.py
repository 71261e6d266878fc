"""Declaration of the guilds package."""

from typing import Any

from core.guilds import actions, chat_commands
from core.guilds.channels import check_health
from core.guilds.connections import messages
from core.guilds.records import AuditEntry, Guild, StoredSetting
from core.guilds.settings import SETTINGS
from core.kit.database.privacy import personal_data
from core.kit.feature import Feature, Undo
from core.kit.text.words import N_, _, package_title


def with_group(line: str, group: Any) -> str:
    """A line of the audit log with the name of a command group."""
    return line.replace("{group}", package_title(group) if isinstance(group, str) else "–")


FEATURE = Feature(
    "guilds",
    settings=SETTINGS,
    chat_rules=chat_commands.rules_of,
    checks=(check_health,),
    embeds={"guilds.connected": messages.connected_by_link, "guilds.reconnect": messages.reconnect},
    audit={
        "guilds.chat_command": N_(
            "changed the chat command {target}: names {after_names}, enabled {after_enabled}, for "
            "{after_who}, cooldown {after_cooldown} s (was: names {before_names}, enabled "
            "{before_enabled}, for {before_who}, cooldown {before_cooldown} s)"
        ),
        "guilds.grant": lambda _before, after: with_group(
            _("let {target} use the command group {group}"), after
        ),
        "guilds.revoke": lambda before, _after: with_group(
            _("took the command group {group} from {target}"), before
        ),
    },
    undo={
        "guilds.grant": Undo(
            actions.granted_still,
            lambda work, entry: actions.revoke(work, entry.after, int(entry.target)),
            rights_of=actions.revoke,
        ),
        "guilds.revoke": Undo(
            actions.revoked_still,
            lambda work, entry: actions.grant(work, entry.before, int(entry.target)),
            rights_of=actions.grant,
        ),
    },
    personal=personal_data(Guild, StoredSetting, AuditEntry),
)
