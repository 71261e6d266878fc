"""The help feature, which is given the other features."""

from collections.abc import Iterable

from core.help.discord import Help, TopicMenu
from core.kit.feature import Feature


def make_feature(others: Iterable[Feature]) -> Feature:
    """The feature, with the others' chat commands."""
    chat_commands = {feature.name: feature.chat_commands for feature in others}
    return Feature("help", cogs=(lambda _services: Help(chat_commands),), buttons=(TopicMenu,))
