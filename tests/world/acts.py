"""What people do in a world: chat, commands, buttons, forms, pages and the API."""

import re
from collections.abc import Sequence
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any

from flask import Flask

from core.guilds.actions import change_setting
from core.guilds.discord import OF_THE_KIT
from sandbox.control import ControlError
from sandbox.discord import components, drafts, messages, permissions, user_actions
from sandbox.discord.errors import ApiError
from sandbox.discord.models import Channel, Interaction, Message
from sandbox.people import BY_HANDLE
from tests.world.base import GUILD_OF, Machinery, Wrong
from tests.world.outside import PRODUCT
from tests.world.product import FEATURES
from tests.world.promises import Typed

Json = dict[str, Any]

OUR_FAULT = re.compile(r"Something went wrong|search the log", re.I)

BUTTONS: dict[str, re.Pattern[str]] = {
    one.__name__: vars(one)["__discord_ui_compiled_template__"]
    for one in (*(button for feature in FEATURES for button in feature.buttons), *OF_THE_KIT)
}
"""Name of a class of buttons or menus -> what its custom ids look like."""

SETTINGS = {one.key: one for feature in FEATURES for one in feature.settings}

NEWEST = 40
"""People press buttons of messages that are not older."""


class Acts(Machinery):
    """Steps that people do."""

    # -- Discord ----------------------------------------------------------------------------------

    def slash(
        self, person: str, server: str, command: str, options: Json, channel: str = "general"
    ) -> None:
        """A slash command, as far as Discord offers it to them."""
        where = self._channel(server, channel)
        if where is None or not self._is_member(person, server):
            return
        user_id, discord = BY_HANDLE[person].discord_id, self.outside.discord
        self.history.seen[f"/{command}"] += 0
        try:
            one = user_actions.slash(discord, user_id, where, command, options)
        except (ControlError, ApiError) as refused:
            if "option" in str(refused):
                raise ValueError(f"/{command} {options}: {refused}") from refused
            return
        self.history.seen[f"/{command}"] += 1
        if command.startswith("pointsadmin ") and "who" in options:
            self.promises.by_hand.append((server, str(options["who"])))
        elif command == "pointsadmin role":
            self.promises.by_hand.append((server, "somebody"))
        if options == {"key": "points.enabled", "value": "on"}:
            self.points_since[server] = self.clock()
        self._see_answer(one, f"/{command} {options}")

    def typed(self, person: str, server: str, line: str, channel: str = "general") -> None:
        """A command typed in Discord, or any other line."""
        where = self._channel(server, channel)
        if where is None or not self._is_member(person, server):
            return
        draft = drafts.read({"content": line})
        before = max(where.messages, default=0)
        with suppress(ApiError):
            messages.post(self.outside.discord, where, BY_HANDLE[person].discord_id, draft)
        self.product.settle()
        for message in [one for one in where.messages.values() if one.id > before]:
            self._check_words(message, line)

    def click(
        self, person: str, server: str, message: int, component: int, words: Sequence[str]
    ) -> None:
        """A button or a menu of one of the newest messages; a form that appears is filled in."""
        if not self._is_member(person, server):
            return
        user_id, discord = BY_HANDLE[person].discord_id, self.outside.discord
        found = [
            (each, part)
            for each in self._messages(server, user_id)
            for part in components.walk(each.components)
            if part.get("custom_id") and not part.get("disabled")
        ]
        by_message = list(dict.fromkeys(each.id for each, _part in found))
        if not by_message:
            return
        chosen = by_message[message % len(by_message)]
        parts = [(each, part) for each, part in found if each.id == chosen]
        each, part = parts[component % len(parts)]
        values = self._choose(part, component, server)
        name = self._name_of(part["custom_id"])
        try:
            one = user_actions.click(discord, user_id, each, part["custom_id"], values)
        except (ControlError, ApiError):
            return
        self.history.seen[f"button {name}"] += 1
        self._see_answer(one, f"button {name}")
        if one.modal is not None:
            self._fill_in(one, user_id, words, name)

    def _fill_in(self, shown: Interaction, user_id: int, words: Sequence[str], name: str) -> None:
        assert shown.modal is not None
        parts = [c for c in components.walk(shown.modal["components"]) if c.get("custom_id")]
        fields: Json = {}
        for number, part in enumerate(parts):
            if part["type"] == components.TEXT_INPUT:
                least, most = part.get("min_length") or 0, part.get("max_length") or 4000
                text = words[number % len(words)] if words else "5"
                fields[part["custom_id"]] = text[:most].ljust(least, "x")
            else:
                fields[part["custom_id"]] = self._choose(part, number, "nora")
        try:
            one = user_actions.submit_modal(self.outside.discord, user_id, shown, fields)
        except (ControlError, ApiError):
            return
        self.history.seen[f"form {name}"] += 1
        self._see_answer(one, f"form of {name} {fields}")

    def _choose(self, part: Json, number: int, server: str) -> list[Any]:
        guild = self.outside.discord.guilds[GUILD_OF[server]]
        match part["type"]:
            case components.STRING_SELECT:
                found = [one["value"] for one in part["options"]]
            case components.ROLE_SELECT:
                found = [str(one) for one in guild.roles]
            case components.CHANNEL_SELECT:
                found = [str(one) for one in guild.channels]
            case components.USER_SELECT:
                found = [str(one) for one in guild.members]
            case _:
                return []
        return [found[number % len(found)]] if found else []

    @staticmethod
    def _name_of(custom_id: str) -> str:
        return next((n for n, like in BUTTONS.items() if like.fullmatch(custom_id)), "of a view")

    def _see_answer(self, one: Interaction, what: str) -> None:
        """Discord shows an error if there is none within three seconds."""
        self.product.settle()
        self.product.settle(0.5)
        answer = user_actions.answer_view(self.outside.discord, one)
        if one.answer is None and not self.has_faults:
            raise Wrong(f"{what} was not answered")
        if answer is not None and not one.settled.is_set() and not self.has_faults:
            is_loading = one.answer == 5
            if is_loading:
                raise Wrong(f"{what} was deferred and never answered")
        if answer is not None and OUR_FAULT.search(str(answer)):
            raise Wrong(f"{what} was answered {_words(answer)}")

    def _check_words(self, message: Message, what: str) -> None:
        if OUR_FAULT.search(str(message.embeds) + message.content) and message.author_id == (
            self.outside.discord.bot.id
        ):
            raise Wrong(f"{what} was answered {message.embeds} {message.content}")

    def _messages(self, server: str, user_id: int) -> list[Message]:
        """The newest that somebody sees, the newest first."""
        guild, discord = self.outside.discord.guilds[GUILD_OF[server]], self.outside.discord
        found = [
            each
            for channel in guild.channels.values()
            if discord.permissions_in(channel, user_id) & permissions.Permission.VIEW_CHANNEL
            for each in channel.messages.values()
            if each.components and each.ephemeral_for in (None, user_id)
        ]
        return sorted(found, key=lambda each: -each.id)[:NEWEST]

    def _channel(self, server: str, name: str) -> Channel | None:
        channels = self.outside.discord.guilds[GUILD_OF[server]].channels.values()
        return next((one for one in channels if one.name == name), None)

    def _is_member(self, person: str, server: str) -> bool:
        who = BY_HANDLE.get(person)
        guild = self.outside.discord.guilds[GUILD_OF[server]]
        return who is not None and who.discord_id in guild.members

    def member(self, person: str, server: str, **changes: Any) -> None:
        """Joins, leaves, is banned, changes roles or closes direct messages."""
        self.outside.member(person=person, guild=str(GUILD_OF[server]), **changes)
        self.product.settle(0.5)

    def guild(self, action: str, server: str, **given: Any) -> None:
        """An admin of Discord changes a role or a channel."""
        from tests.world.wires import finish

        with suppress(ControlError, ApiError, KeyError):
            finish(
                getattr(self.outside.on_discord, action)({"guild": str(GUILD_OF[server]), **given})
            )
        self.product.settle(0.5)

    def react(self, person: str, server: str, message: int) -> None:
        """A reaction on a link panel."""
        from sandbox.discord import reactions

        user_id = BY_HANDLE[person].discord_id
        found = [
            each
            for channel in self.outside.discord.guilds[GUILD_OF[server]].channels.values()
            for each in channel.messages.values()
            if each.reactions
        ]
        if found and self._is_member(person, server):
            each = found[message % len(found)]
            emoji = next(iter(each.reactions))
            with suppress(ApiError, ControlError, KeyError):
                reactions.add(self.outside.discord, each, user_id, str(emoji))
            self.product.settle(0.2)

    def configure(self, server: str, values: Json) -> None:
        """The server's admin chooses settings; channels are given by name."""
        guild_id, admin = GUILD_OF[server], BY_HANDLE[server].discord_id
        with self.product.services.work_in(guild_id, admin) as work:
            for key, value in values.items():
                if SETTINGS[key].of == "channel":
                    channel = self._channel(server, value)
                    value = channel.id if channel else 0
                change_setting(work, SETTINGS[key], value)
        if values.get("points.enabled"):
            self.points_since[server] = self.clock()
        self.product.settle(0.5)

    # -- the platforms ----------------------------------------------------------------------------

    def kick(self, action: str, **given: Any) -> None:
        """Something on Kick."""
        self._on("kick", action, given)

    def twitch(self, action: str, **given: Any) -> None:
        """Something on Twitch."""
        self._on("twitch", action, given)

    def _on(self, platform: str, action: str, given: Json) -> None:
        act = self.outside.on_kick if platform == "kick" else self.outside.on_twitch
        before = len(self.outside.deliveries)
        done = act(action, **given)
        if done is None:
            return
        arrives = len(self.outside.deliveries) > before
        self.model.note(platform, action, given | done, self.clock(), arrives=arrives)
        if action == "chat":
            server = str(given.get("channel", "nora"))
            line = Typed(platform, server, given["person"], str(given["text"]), self.clock())
            self.promises.lines.append(line)
            self.promises.by_id[str(done.get("message_id"))] = self.clock()
            for name in re.findall(r"^\s*[!！]\s*(\w+)", str(given.get("text"))):
                self.history.seen[f"!{name.lower()}"] += 1

    def unsay(self, number: int) -> None:
        """A moderator deletes one of the newest lines of people on Kick."""
        lines = [one for one in self.outside.kick.messages if not one.by_bot and not one.deleted]
        if lines:
            self.outside.kick.delete_message(lines[-1 - number % min(len(lines), 5)])

    def decide(self, server: str, number: int, status: str) -> None:
        """The streamer decides a redemption in Twitch's own queue."""
        channel = self.outside.twitch.channels[BY_HANDLE[server].twitch_user_id]
        open_ones = [one for one in channel.redemptions.values() if one.status == "UNFULFILLED"]
        if not open_ones:
            return
        chosen = open_ones[number % len(open_ones)]
        known = self.rows(
            "SELECT 1 FROM vips_redemptions WHERE redemption_id = :id AND state <> 'received'",
            id=chosen.id,
        )
        if not known:
            self.promises.decided.add(chosen.id)
        self.outside.on_twitch("decide", redemption_id=chosen.id, status=status, channel=server)

    def wager(self, username: str, amount: str) -> None:
        """Somebody plays at Shuffle."""
        from decimal import Decimal

        shuffle = self.outside.shuffle
        if (player := shuffle._players.get(username)) is not None:
            shuffle.set(username, player.campaign_code, player.wagered + Decimal(amount))

    # -- the web ----------------------------------------------------------------------------------

    def link(self, person: str, server: str, platform: str, account: str = "") -> None:
        """The whole way from `/link` to the account's owner agreeing."""
        where = self._channel(server, "general")
        if where is None or not self._is_member(person, server):
            return
        user_id = BY_HANDLE[person].discord_id
        try:
            options = {"platform": platform}
            one = user_actions.slash(self.outside.discord, user_id, where, "link", options)
        except (ControlError, ApiError):
            return
        self.history.seen["/link"] += 1
        self._see_answer(one, "/link")
        answer = user_actions.answer_view(self.outside.discord, one) or {}
        shown = [answer.get("components") or []]
        for direct in self.outside.discord.direct.values():
            if direct.recipient_id == user_id:
                shown += [each.components for each in list(direct.messages.values())[-2:]]
        for part in (each for found in reversed(shown) for each in components.walk(found)):
            if f"/link/{platform}/" in (part.get("url") or ""):
                self.follow_link(part["url"], {"person": account or person, "decision": "allow"})
                self.history.states["somebody links"] += 1
                self.ever_linked |= {(person, server), (account or person, server)}
                return

    def page(self, person: str, server: str, which: int, number: int) -> None:
        """Somebody looks at a page."""
        address, endpoint = self._address("GET", server, which, number)
        answer = self.browser(person).get(
            address, base_url=PRODUCT, headers={"Accept": "text/html"}
        )
        self._check_page(answer, f"GET {address}")
        self.history.seen[f"page {endpoint}"] += 1

    def form(self, person: str, server: str, which: int, number: int, words: Sequence[str]) -> None:
        """Somebody sends one of the forms of a page, with these words in its fields."""
        browser = self.browser(person)
        address, _endpoint = self._address("GET", server, which, number)
        answer = browser.get(address, base_url=PRODUCT, headers={"Accept": "text/html"})
        self._check_page(answer, f"GET {address}")
        forms = forms_of(answer.text)
        forms = [one for one in forms if one.action and "logout" not in one.action]
        if not forms:
            return
        chosen = forms[number % len(forms)]
        fields = chosen.filled(words)
        sent = browser.post(
            chosen.action if chosen.action.startswith("/") else address,
            base_url=PRODUCT,
            data=fields,
            headers={"Accept": "text/html"},
        )
        endpoint = self._endpoint(chosen.action)
        self._check_page(sent, f"POST {chosen.action} {fields}")
        self.history.seen[f"form {endpoint}"] += 1

    def api(self, server: str, which: int, number: int, words: Sequence[str]) -> None:
        """A program uses the API."""
        rules = endpoints(self.product.app, "api.")
        rule, method = rules[which % len(rules)]
        address = _path(rule.rule, GUILD_OF[server], number, words)
        given: Json = {}
        if method in ("POST", "PATCH", "PUT"):
            given["json"] = _body(self.product.app, rule, method, number, words)
        answer = self.product.app.test_client().open(
            address,
            method=method,
            base_url=PRODUCT,
            headers={"Authorization": f"Bearer {self.tokens[server]}"},
            **given,
        )
        self._check_page(answer, f"{method} {address} {given}")
        self.history.seen[f"api {method} {rule.rule}"] += 1

    def _check_page(self, answer: Any, what: str) -> None:
        if answer.status_code >= 500 and not self.has_faults:
            raise Wrong(f"{what} answers {answer.status_code}: {_plain(answer.text)[:300]}")
        answer.close()

    def _address(self, method: str, server: str, which: int, number: int) -> tuple[str, str]:
        rules = [one for one, _m in endpoints(self.product.app, "dashboard.", method)]
        rule = rules[which % len(rules)]
        return _path(rule.rule, GUILD_OF[server], number, ()), rule.endpoint

    def _endpoint(self, action: str) -> str:
        with self.product.app.test_request_context(action, base_url=PRODUCT, method="POST") as one:
            return str(one.request.endpoint)


def endpoints(app: Flask, prefix: str, method: str = "") -> list[tuple[Any, str]]:
    """Routes whose endpoint begins so, with their method, in a stable order."""
    found = [
        (rule, one)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(prefix) and rule.endpoint not in NO_PAGES
        for one in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if method in ("", one)
    ]
    return sorted(found, key=lambda pair: (pair[0].rule, pair[1]))


NO_PAGES = {
    "live.follow": "a stream",
    "dashboard.return_from_discord": "the way back from Discord",
    "dashboard.login_with_twitch": "the way to Twitch",
    "dashboard.login_with_discord": "the way to Discord",
    "dashboard.logout": "ends the login",
}


def _path(rule: str, guild_id: int, number: int, words: Sequence[str]) -> str:
    found = re.search(r"any\(([^)]*)\)", rule)
    choices = found[1].split(",") if found else [""]
    path = rule.replace("<int:guild_id>", str(guild_id)).replace("<guild_id>", str(guild_id))
    path = re.sub(r"<any\([^>]*>", choices[number % len(choices)].strip(), path)
    word = re.sub(r"[^\w]", "", words[0])[:20] if words else ""
    return re.sub(
        r"<(int:)?(\w+)>",
        lambda part: str(number % 4 + 1) if part[1] or "number" in part[2] else word or "x",
        path,
    )


def _body(app: Flask, rule: Any, method: str, number: int, words: Sequence[str]) -> Any:
    """A body that mostly fits what the API documents."""
    document = app.test_client().get("/api/openapi.json", base_url=PRODUCT).json or {}
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    operation = document.get("paths", {}).get(path, {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    shapes: list[Json] = list(content.values())
    schema = shapes[0].get("schema", {}) if shapes else {}
    return _example(schema, document, number, words)


def _example(schema: Json, document: Json, number: int, words: Sequence[str]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        schema = document.get("components", {}).get("schemas", {}).get(name, {})
    for many in ("anyOf", "oneOf", "allOf"):
        if many in schema:
            return _example(schema[many][number % len(schema[many])], document, number, words)
    if "enum" in schema:
        return schema["enum"][number % len(schema["enum"])]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            needed = set(schema.get("required", ()))
            return {
                name: _example(part, document, number + at, words)
                for at, (name, part) in enumerate(sorted(schema.get("properties", {}).items()))
                if name in needed or (number + at) % 3
            }
        case "array":
            return [_example(schema.get("items", {}), document, number, words)]
        case "integer" | "number":
            return max(schema.get("minimum", 0), number % 60)
        case "boolean":
            return bool(number % 2)
        case "null":
            return None
    if examples := schema.get("examples"):
        return examples[0]
    if schema.get("format") == "date-time":
        return "2026-06-15T12:00:00Z"
    return words[number % len(words)] if words else "x"


# -- forms ----------------------------------------------------------------------------------------


class Form:
    """A form of a page: where it goes, its fields with what they hold, and what they offer."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.values: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.options: dict[str, list[str]] = {}

    def filled(self, words: Sequence[str]) -> dict[str, str]:
        """With these words where people type, and something chosen where they choose."""
        given = dict(self.values)
        typed = [n for n, kind in self.kinds.items() if kind not in ("hidden", "submit")]
        for number, name in enumerate(typed):
            word = words[number % len(words)] if words else ""
            if self.options.get(name):
                given[name] = self.options[name][len(word) % len(self.options[name])]
            elif self.kinds[name] == "checkbox":
                if len(word) % 2:
                    given[name] = self.values.get(name) or "on"
                else:
                    given.pop(name, None)
            elif self.kinds[name] == "number":
                given[name] = re.sub(r"\D", "", word) or given.get(name, "1") or "1"
            elif word and len(word) % 5:
                given[name] = word
        return given


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in given}
        if tag == "form":
            is_post = named.get("method", "").lower() == "post"
            self._form = Form(named.get("action") or named.get("hx-post", "")) if is_post else None
            self.found += [self._form] if self._form else []
        form, name = self._form, named.get("name", "")
        if form is None:
            return
        if tag in ("input", "textarea", "button") and name:
            kind = named.get("type", "text" if tag != "button" else "submit")
            form.kinds[name] = kind
            if kind == "radio":
                form.options.setdefault(name, []).append(named.get("value", "on"))
            if kind not in ("checkbox", "radio") or "checked" in named:
                form.values[name] = named.get("value", "on" if kind == "checkbox" else "")
        elif tag == "select" and name:
            self._select, form.kinds[name], form.options[name] = name, "select", []
        elif tag == "option" and self._select:
            form.options[self._select].append(named.get("value", ""))
            if "selected" in named or self._select not in form.values:
                form.values[self._select] = named.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""


def forms_of(page: str) -> list[Form]:
    """The forms of a page that change something."""
    parser = _Forms()
    parser.feed(page)
    return parser.found


def _plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def _words(answer: Json) -> str:
    return str([answer.get("content"), answer.get("embeds")])[:500]
