"""The commands of the stream's chat on the dashboard."""

from collections.abc import Mapping, Sequence
from typing import get_args

from flask import Response, abort

from core.guilds import chat_commands
from core.guilds.chat_commands import MAX_COOLDOWN_SECONDS
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.feature import ChatCommand, ChatRules, ChatUsers
from core.kit.text.words import _, package_title
from core.kit.web.guild_pages import GuildPages, Page


def chat_command_pages(features: Mapping[str, Sequence[ChatCommand]]) -> GuildPages:
    """The page with the commands of these features."""
    pages = GuildPages(
        "chat_commands", lambda: _("Chat commands"), icon="message-2", order=75, group="settings"
    )
    known = [command for found in features.values() for command in found]

    def rules_of_all(work: Work) -> list[ChatRules]:
        return [chat_commands.rules_of(work.tx, work.guild_id, command) for command in known]

    def find(name: str) -> ChatCommand:
        found = next((command for command in known if command.names[0] == name), None)
        if found is None:
            abort(404)
        return found

    @pages.get()
    def commands(page: Page, name: str = "") -> str:
        """All commands; `name` is the one whose form was refused."""
        rules = dict(
            zip((command.names[0] for command in known), page.run(rules_of_all), strict=True)
        )
        cards = [
            {
                "feature": package_title(feature),
                "command": chat_commands.shown_as(command, rules[command.names[0]]),
                "key": command.names[0],
                "rules": rules[command.names[0]],
                "is_changed": rules[command.names[0]] != ChatRules(command.names),
                "typed": page.typed if command.names[0] == name else None,
                "warnings": chat_commands.warnings(rules[command.names[0]].names),
            }
            for feature, found in features.items()
            for command in found
        ]
        return page.render(
            "help/chat_commands.html", cards=cards, users=_users(), maximum=MAX_COOLDOWN_SECONDS
        )

    @pages.post("<name>", shows=commands)
    def save(page: Page, name: str) -> Response:
        """Change one command."""
        command, who = find(name), page.form.get("who", "everyone")
        if who not in get_args(ChatUsers):
            raise Refusal(_("Choose who may use the command."))
        rules = ChatRules(
            chat_commands.parse_names(page.form.get("names", "")),
            "enabled" in page.form,
            who,  # type: ignore[arg-type]
            chat_commands.parse_cooldown(page.form.get("cooldown", "")),
        )
        page.run(chat_commands.change_command, known, command, rules)
        return page.done(_("!{name} saved.").format(name=rules.names[0]), to=commands)

    @pages.post("<name>/reset", shows=commands)
    def reset(page: Page, name: str) -> Response:
        """Reset a command to its defaults."""
        command = find(name)
        page.run(chat_commands.change_command, known, command, ChatRules(command.names))
        return page.done(_("!{name} was reset to its default.").format(name=name), to=commands)

    return pages


def _users() -> list[tuple[str, str]]:
    return [
        ("everyone", _("everyone")),
        ("subscribers", _("subscribers, moderators and the streamer")),
        ("moderators", _("moderators and the streamer")),
        ("streamer", _("the streamer only")),
    ]
