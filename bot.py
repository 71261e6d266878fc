"""Everything but the web server: the bot, the inbox worker, the outbox sender and the tasks.

python bot.py                   run them
python bot.py --commands        every Discord command as JSON
python bot.py --chat-commands   every chat command as JSON
"""

import asyncio
import json
import sys
from collections.abc import Iterable
from typing import Any

from combined_server import run_without_web
from core.features import load_features
from core.guilds.discord import RegularsBot
from core.help.discord import describe_chat_command, describe_command, each_command
from core.kit.database.connection import Database
from core.kit.feature import Feature
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services


async def _describe(features: Iterable[Feature]) -> list[dict[str, Any]]:
    settings = Settings(_env_file=None)
    # Nothing connects: the pool opens its first connection when it is needed.
    services = Services(settings, Database("postgresql://"), LocalBus())
    bot = RegularsBot(services, features)
    await bot.add_features()
    return [describe_command(command) for command in each_command(bot)]


def main(arguments: list[str]) -> int:
    if arguments == ["--commands"]:
        print(json.dumps(asyncio.run(_describe(load_features())), indent=2, ensure_ascii=False))
        return 0
    if arguments == ["--chat-commands"]:
        found = [
            describe_chat_command(c) for feature in load_features() for c in feature.chat_commands
        ]
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    return run_without_web()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
