"""Shared by the blocking clients of the control API; tests, demo and benchmarks use them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests

Json = dict[str, Any]
T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
"""Long enough for a busy machine: a wait ends as soon as its condition holds."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.25
"""Seconds between two looks; the longer it takes, the rarer they are."""


class DriverError(Exception):
    """The sandbox refused; `status` is the HTTP status, the message is the reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Driver:
    """Calls `/control/{service}/...` of the sandbox at `base_url`; a refusal is a DriverError."""

    service: str

    def __init__(self, base_url: str, timeout: float = 3 * TIMEOUT_SECONDS) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._http = requests.Session()

    def close(self) -> None:
        self._http.close()

    def state(self) -> Json:
        """The service's part of the sandbox's state."""
        return dict(self._request("GET", "state")[self.service])

    def faults(self, values: Json) -> None:
        """Set faults by their full names."""
        self._request("POST", "faults", json=values)

    def reset_faults(self) -> None:
        self._request("POST", "faults/reset")

    def wait_until(
        self, check: Callable[[], T | None], timeout: float, complain: Callable[[], str]
    ) -> T:
        """The first true value of `check`; TimeoutError with `complain()` if none comes."""
        began = time.monotonic()
        while True:
            if found := check():
                return found
            waited = time.monotonic() - began
            if waited > timeout:
                raise TimeoutError(complain())
            time.sleep(min(max(waited / 10, SHORTEST_PAUSE), LONGEST_PAUSE))

    def _post(self, action: str, /, **body: Any) -> Json:
        """Fields that are None are left out."""
        given = {key: value for key, value in body.items() if value is not None}
        return dict(self._request("POST", f"{self.service}/{action}", json=given))

    def _get(self, route: str, /, **query: Any) -> Any:
        return self._request("GET", f"{self.service}/{route}", params=query)

    def _request(self, method: str, path: str, **options: Any) -> Any:
        url = f"{self.base_url}/control/{path}"
        answer = self._http.request(method, url, timeout=self._timeout, **options)
        if answer.ok:
            return answer.json()
        try:
            text = str(answer.json()["error"])
        except (ValueError, KeyError, TypeError):
            text = answer.text
        raise DriverError(answer.status_code, text)
