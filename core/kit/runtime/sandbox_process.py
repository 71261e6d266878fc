"""Starts the sandbox in its own process."""

import json
import subprocess
import sys

from core.kit.errors import StartError
from core.kit.runtime.settings import Settings, read_settings

STOP_SECONDS = 2
INTERVAL_SECONDS = 3


class SandboxProcess:
    """A simulated Discord and Kick, which end with this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self.page_url = ""

    def start(self) -> Settings:
        """Start it; returns the settings that use it. Raises StartError."""
        # It ends when its standard input closes, even if we are killed.
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sandbox", "--exit-with-stdin"),
                *("--port", str(self._settings.sandbox_port)),
                *("--webhook-url", f"http://127.0.0.1:{self._settings.port}/webhooks/kick"),
                *("--discord-file", str(self._settings.data_dir / "sandbox-discord.json")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C goes to the whole group; the sandbox has to end after the bot.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise StartError(
                f"The sandbox did not start. Is port {self._settings.sandbox_port} taken? "
                "Choose another one with SANDBOX_PORT."
            )
        ready = json.loads(line)
        self.page_url = str(ready["page_url"])
        # People who try the bot should not have to wait a minute for watchtime.
        shorter = {
            name: INTERVAL_SECONDS
            for name in ("live_poll_seconds", "watch_interval_seconds")
            if name not in self._settings.model_fields_set
        }
        addresses = {name.lower(): value for name, value in ready["env"].items()}
        return read_settings(**shorter, **addresses)

    def stop(self) -> None:
        """End it. Safe to call twice."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
