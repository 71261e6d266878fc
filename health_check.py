"""Checks the health of a running instance, for people and for Docker.

    python health_check.py [http://host:port]

Exit code 0 when it works (even with warnings), 1 when it does not.
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any

from core.kit.errors import StartError
from core.kit.runtime.crypto import health_token, key_file
from core.kit.runtime.settings import Settings, read_settings

MARKS = {"ok": "ok  ", "warn": "warn", "down": "DOWN"}
TIMEOUT_SECONDS = 8


def main(arguments: list[str]) -> int:
    try:
        settings = read_settings()
        address = arguments[0] if arguments else f"http://{own_host(settings)}:{settings.port}"
        found = ask(address, token_of(settings))
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    if found is None:
        print(f"Nothing answers at {address}. Is Regulars running, and is PORT the same?")
        return 1
    print(f"Regulars at {address}: {found['status']}")
    for part in found["parts"]:
        print(f"  {MARKS[part['state']]}  {part['name']}: {part['reason']}")
    return 1 if found["status"] == "down" else 0


def own_host(settings: Settings) -> str:
    """Where the web server can be reached from this machine."""
    if settings.host in ("", "0.0.0.0"):
        return "127.0.0.1"
    host = "::1" if settings.host == "::" else settings.host
    return f"[{host}]" if ":" in host else host


def token_of(settings: Settings) -> str:
    """The token for details; "" if no key exists yet. None is created here."""
    has_key = settings.health_token or settings.flask_secret_key
    return health_token(settings) if has_key or key_file(settings).exists() else ""


def ask(address: str, token: str = "") -> dict[str, Any] | None:
    """The report of `GET /health`, or None if there is no valid response."""
    asked = urllib.request.Request(f"{address}/health")
    if token:
        asked.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT_SECONDS) as answer:
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
