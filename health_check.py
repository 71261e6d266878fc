"""Asks a running instance how it is, for people and for Docker.

    python health_check.py [http://host:port]

Exit code 0 when it works (even with warnings), 1 when it does not.
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any

from core.kit.errors import StartError
from core.kit.settings import read_settings

MARKS = {"ok": "ok  ", "warn": "warn", "down": "DOWN"}
TIMEOUT_SECONDS = 8


def main(arguments: list[str]) -> int:
    try:
        address = arguments[0] if arguments else f"http://127.0.0.1:{read_settings().port}"
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    found = ask(address)
    if found is None:
        print(f"Nothing answers at {address}. Is Regulars running, and is PORT the same?")
        return 1
    print(f"Regulars at {address}: {found['status']}")
    for part in found["parts"]:
        print(f"  {MARKS[part['state']]}  {part['name']}: {part['reason']}")
    return 1 if found["status"] == "down" else 0


def ask(address: str) -> dict[str, Any] | None:
    """The report of `GET /health`, or None when nobody answers properly."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=TIMEOUT_SECONDS) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except OSError:
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "parts" in found else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
