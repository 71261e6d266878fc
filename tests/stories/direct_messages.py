"""The bot's direct messages and private answers, as people find them in Discord."""

from typing import Any

from tests.patience import until
from tests.stories.stage import Stage, title

Json = dict[str, Any]


def direct_messages(stage: Stage, person: str, words: str) -> list[Json]:
    """The bot's direct messages to somebody with these words in the title."""
    return [
        message for message in stage.discord.transcript(f"dm:{person}") if words in title(message)
    ]


def next_direct_message(stage: Stage, person: str, words: str, seen: int) -> Json:
    """The direct message that comes after so many of its kind."""
    return until(lambda: direct_messages(stage, person, words)[seen:], f"“{words}” for {person}")[0]


def url_in(message: Json, label: str = "") -> str:
    """The address behind a message's first link button whose label contains this."""
    buttons = [component for row in message["components"] for component in row["components"]]
    found = (
        button for button in buttons if button.get("url") and label in (button.get("label") or "")
    )
    return str(next(found)["url"])


def custom_id_of(message: Json, label: str) -> str:
    """The button with this label."""
    buttons = [component for row in message["components"] for component in row["components"]]
    return str(next(button["custom_id"] for button in buttons if button["label"] == label))


def answered(stage: Stage, interaction: Json) -> Json:
    """The embed that answers an interaction, once it is there: it may come after "thinking…"."""

    def embeds() -> list[Json]:
        known = stage.discord.interaction(interaction["interaction_id"])
        answers = [known["response"] or {}, *known["followups"]]
        return [embed for answer in answers for embed in answer.get("embeds") or []]

    return until(embeds, "an answer")[0]


def private_answer(stage: Stage, interaction: Json, words: str) -> Json:
    """What answered an interaction with these words in the title; only the asker may see it."""

    def look() -> Json | None:
        known = stage.discord.interaction(interaction["interaction_id"])
        answers = [followup for followup in (known["response"], *known["followups"]) if followup]
        found = next(
            (answer for answer in answers if words in title({"embeds": [], **answer})), None
        )
        assert found is None or found.get("ephemeral_for"), "everybody sees it"
        return found

    return until(look, f"a private answer with “{words}”")
