"""A small blocking client of /control/shuffle."""

from typing import Any

import requests

TIMEOUT_SECONDS = 30.0


class ShuffleDriver:
    """Plays the pretend Shuffle at ``base_url`` (the sandbox's address)."""

    def __init__(self, base_url: str) -> None:
        self._base = f"{base_url.rstrip('/')}/control"

    def player(self, username: str, wagered: str, **more: str) -> None:
        """They have wagered so much in all; ``campaign_code`` is the sandbox's own."""
        self._post("shuffle/player", username=username, wagered=wagered, **more)

    def wager(self, username: str, amount: str) -> None:
        """They wager so much more."""
        self._post("shuffle/wager", username=username, amount=amount)

    def fault(self, **values: object) -> None:
        """Set Shuffle's faults: ``fault(busy_s=5)`` sets ``shuffle.busy_s``."""
        self._post("faults", **{f"shuffle.{name}": value for name, value in values.items()})

    def reset_faults(self) -> None:
        self._post("faults/reset")

    def asked(self) -> int:
        """How often the address was asked."""
        answer = requests.get(f"{self._base}/state", timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return int(answer.json()["shuffle"]["asked"])

    def _post(self, what: str, **body: Any) -> None:
        answer = requests.post(f"{self._base}/{what}", json=body, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
