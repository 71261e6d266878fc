"""Chat commands on the dashboard, and the effect in chat."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from core.events import ChatMessageSent, Sender
from core.features import load_features
from core.guilds import chat_commands, store
from core.inbox.handlers import collect
from core.kit.database.work import handled_at
from core.kit.feature import ChatCommand, ChatRules, Feature
from tests.conftest import GUILD as STREAM
from tests.dashboard.site import GUILD, Site, words
from tests.inbox.conftest import said

PAGE = f"/g/{GUILD}/chat_commands"
KNOWN = [command for feature in load_features() for command in feature.chat_commands]
CALL = next(command for command in KNOWN if "call" in command.names)


def rules(site: Site) -> ChatRules:
    with site.services.work_in(GUILD) as work:
        return chat_commands.rules_of(work.tx, GUILD, CALL)


def line(text: str, sender: Sender | None = None, **changes: Any) -> ChatMessageSent:
    """A line in the server's chat."""
    message = said(STREAM, "1", text)
    assert isinstance(message, ChatMessageSent)
    return replace(message, guild_id=GUILD, sender=sender or message.sender, **changes)


def answered(site: Site, *lines: ChatMessageSent, now: datetime | None = None) -> list[str]:
    """The ids of the lines that run the command."""
    found: list[str] = []
    command = ChatCommand(
        CALL.names,
        lambda _tx, lines: found.extend(line.message_id for line in lines),
        CALL.usage,
        "Help.",
    )
    features = [Feature("one", chat_commands=(command,), chat_rules=chat_commands.rules_of)]
    handlers = collect(features)[ChatMessageSent]
    for line in lines:
        with site.services.database.begin() as tx, handled_at(tx, now or line.at):
            for handler in handlers:
                handler.run(tx, line)
    return found


def runs(site: Site, text: str, sender: Sender | None = None) -> bool:
    """Whether a line in the server's chat runs the command."""
    return bool(answered(site, line(text, sender)))


def test_all_commands_are_shown(site: Site) -> None:
    shown = site.visitor("nora").get(PAGE).text
    for command in KNOWN:
        assert f'id="{command.names[0]}-title"' in shown


def test_new_names_answer_and_old_ones_do_not(site: Site) -> None:
    nora = site.visitor("nora")
    assert runs(site, "!call x")
    for _again in range(2):
        saved = nora.post(
            f"{PAGE}/call", page=PAGE, enabled="1", names="!Spin, gamble", who="everyone"
        )
        assert saved.status_code == 303
    assert rules(site) == ChatRules(("spin", "gamble"))
    assert runs(site, "!SPIN x")
    assert not runs(site, "!call x")
    page = words(nora.get(PAGE))
    assert "!spin <slot>" in page.replace("&lt;", "<").replace("&gt;", ">")
    assert "!gamble is often answered by StreamElements" in page
    nora.post(f"{PAGE}/call/reset", page=PAGE)
    assert rules(site) == ChatRules(CALL.names)


def test_off_and_limited_commands(site: Site) -> None:
    nora = site.visitor("nora")
    nora.post(f"{PAGE}/call", page=PAGE, names="call", who="everyone")
    assert not runs(site, "!call x")
    nora.post(f"{PAGE}/call", page=PAGE, enabled="1", names="call", who="subscribers")
    assert not runs(site, "!call x", Sender(user_id=5, name="a"))
    assert runs(site, "!call x", Sender(user_id=5, name="a", badges=("subscriber",)))
    assert runs(site, "!call x", Sender(user_id=5, name="a", badges=("moderator",)))
    nora.post(f"{PAGE}/call", page=PAGE, enabled="1", names="call", who="streamer")
    assert not runs(site, "!call x", Sender(user_id=5, name="a", badges=("moderator",)))
    assert runs(site, "!call x", Sender(user_id=5, name="a", is_broadcaster=True))


def test_a_command_is_answered_once_in_its_cooldown(site: Site) -> None:
    form = {"enabled": "1", "names": "call", "who": "everyone", "cooldown": "30"}
    assert site.visitor("nora").post(f"{PAGE}/call", page=PAGE, **form).status_code == 303
    first = line("!call x", message_id="first")
    at: dict[int, dict[str, Any]] = {
        n: {"message_id": str(n), "at": first.at + timedelta(seconds=n)} for n in (1, 2, 29, 30, 31)
    }
    moderator = Sender(user_id=5, name="a", badges=("moderator",))
    lines = [
        first,
        line("!call x", **at[1]),
        line("!call x", platform="twitch", **at[2]),  # nobody there has seen the answer
        first,  # handled again
        line("!call x", moderator, **at[29]),
        line("!call x", **at[30]),
        line("!call x", **at[31]),
    ]
    assert answered(site, *lines) == ["first", "2", "first", "29", "30"]


def test_commands_that_arrive_together_are_answered_once(site: Site) -> None:
    """They were typed further apart than the cooldown; the chat sees all answers now."""
    form = {"enabled": "1", "names": "call", "who": "everyone", "cooldown": "30"}
    site.visitor("nora").post(f"{PAGE}/call", page=PAGE, **form)
    first = line("!call x", message_id="first")
    later = line("!call x", message_id="later", at=first.at + timedelta(seconds=60))
    assert answered(site, first, later, now=later.at) == ["first"]


def test_what_does_not_fit_is_refused_and_shown_again(site: Site) -> None:
    nora, before = site.visitor("nora"), rules(site)
    other = next(command for command in KNOWN if command is not CALL).names[0]
    for names in (f"play {other}", "", "a-b", "a b c d e f", "x" * 31):
        refused = nora.post(f"{PAGE}/call", page=PAGE, enabled="1", names=names, who="everyone")
        assert refused.status_code == 422
        assert f'value="{names}"' in refused.text
    refused = nora.post(f"{PAGE}/call", page=PAGE, names="call", who="nobody")
    assert refused.status_code == 422
    for cooldown in ("-1", "3601", "x", "\u00b2"):
        form = {"enabled": "1", "names": "call", "who": "everyone", "cooldown": cooldown}
        refused = nora.post(f"{PAGE}/call", page=PAGE, **form)
        assert refused.status_code == 422
        assert f'value="{cooldown}"' in refused.text
    assert rules(site) == before
    assert nora.post(f"{PAGE}/nothing", page=PAGE, names="a", who="everyone").status_code == 404


def test_a_change_is_in_the_audit_log_and_can_be_undone(site: Site) -> None:
    nora, log = site.visitor("nora"), f"/g/{GUILD}/audit_log"
    nora.post(f"{PAGE}/call", page=PAGE, enabled="1", names="spin", who="everyone")
    shown = nora.get(log)
    assert "changed the chat command !call: names" in words(shown)
    (path,) = re.findall(rf"{log}/\d+/undo", shown.text)
    assert nora.post(path, page=log).status_code == 303
    assert rules(site) == ChatRules(CALL.names)
    assert nora.post(path, page=PAGE).status_code == 422


def test_lines_of_one_transaction_read_the_rules_once(site: Site) -> None:
    with site.services.database.begin() as tx:
        chat_commands.rules_of(tx, GUILD, CALL)
        with site.services.database.begin() as other:
            store.set_setting(other, GUILD, "chat.call", {"names": []})
        assert chat_commands.rules_of(tx, GUILD, CALL) == ChatRules(CALL.names)
