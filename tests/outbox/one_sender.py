"""One sender as its own process: `python -m tests.outbox.one_sender <database> <folder>`.

It writes `began` and `sent` lines into `<folder>/log`. No delivery ends before `<folder>/finish` is
there.
"""

import asyncio
import os
import sys
from pathlib import Path

from core.kit.database.connection import Database
from core.outbox.records import Outgoing
from core.outbox.sender import Sender
from core.outbox.transport import Receipt


class SlowTransport:
    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        self._finish = folder / "finish"

    async def deliver(self, message: Outgoing) -> Receipt:
        self._write("began", message)
        while not self._finish.exists():
            await asyncio.sleep(0.02)
        self._write("sent", message)
        return {"by": os.getpid()}

    async def confirm(self, message: Outgoing) -> Receipt | None:
        sent = f"sent {message.key} " in self._log.read_text()
        return {"by": "confirmed"} if sent else None

    def _write(self, what: str, message: Outgoing) -> None:
        with self._log.open("a") as log:
            log.write(f"{what} {message.key} {os.getpid()}\n")


if __name__ == "__main__":
    Sender.POLL_SECONDS = Sender.RENEW_SECONDS = 0.05
    transport = SlowTransport(Path(sys.argv[2]))
    asyncio.run(Sender(Database(sys.argv[1], pool_size=2), {"discord": transport}).run())
