"""`make scan`: attack the running product with wapiti, logged in as an admin and not.

Writes what was found into docs/security.md; exit code 1 if that is more than remarks.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from core.kit.runtime.embedded import EmbeddedPostgres
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.kick.signing import SigningKey
from sandbox.people import PEOPLE
from tests.stories.stage import open_stage

ROOT = Path(__file__).parent.parent
WAPITI = ROOT / ".venv" / "scan" / "bin" / "wapiti"
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- scan -->", "<!-- end of scan -->"
MODULES = "cookieflags,crlf,csp,csrf,exec,file,http_headers,methods,permanentxss,redirect,sql,xss"
SECONDS = 240


def cookie(base: str, comes_from: str = "127.0.0.1") -> str:
    """An admin's login at the product with this address, over a proxy. Its cookies are for https,
    which the scanner's are not."""
    held, headers = "", {"X-Forwarded-For": comes_from}

    def get(address: str) -> str:
        nonlocal held
        answer = requests.get(address, headers=headers | {"Cookie": held}, allow_redirects=False)
        held = answer.headers["Set-Cookie"].split(";")[0]
        return answer.headers["Location"]

    nora = next(str(person.discord_id) for person in PEOPLE if person.handle == "nora")
    consent = get(f"{base}/login/discord")
    back = requests.post(consent, {"person": nora}, allow_redirects=False).headers["Location"]
    arrived = urlsplit(back)
    get(f"{base}{arrived.path}?{arrived.query}")
    return held


def scan(start: str, folder: Path, *options: str) -> dict[str, Any]:
    """Wapiti's report."""
    report = folder / "report.json"
    origin = "/".join(start.split("/")[:3])
    subprocess.run(
        [
            *(str(WAPITI), "--url", start, "--scope", "domain", "--flush-session"),
            *("--module", MODULES, "--max-scan-time", str(SECONDS), "--store-session", str(folder)),
            *("--format", "json", "--output", str(report), "--exclude", f"{origin}/logout"),
            *("--no-bugreport", "--verbose", "0", *options),
        ],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def findings(report: dict[str, Any]) -> Counter[str]:
    """What was found, by kind; without remarks."""
    kinds = {**report["vulnerabilities"], **report["anomalies"]}
    return Counter({kind: len(found) for kind, found in kinds.items() if found})


def main() -> int:
    """Scan twice and write the page."""
    results = {}
    with tempfile.TemporaryDirectory(prefix="regulars-scan-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder / "data")
        with open_stage(folder, postgres.start(), SigningKey()) as stage:
            https = f"https://localhost:{stage.port}"
            stage.start(OAUTH_BASE_URL=https).wait_well()
            stage.discord.wait_command("dashboard")
            base = f"http://localhost:{stage.port}"
            visits = {
                "Anonymous": (f"{base}/login", ()),
                "Admin": (f"{base}/g/{NORAS_CORNER_ID}/", ("--header", f"Cookie: {cookie(base)}")),
            }
            for who, (start, options) in visits.items():
                report = scan(start, folder, *options)
                results[who] = report["infos"]["crawled_pages_nbr"], findings(report), report
        postgres.stop()
    lines = ["| Visitor | Pages | Findings |", "| --- | --- | --- |"]
    for who, (pages, found, _report) in results.items():
        words = ", ".join(f"{kind}: {count}" for kind, count in found.items()) or "none"
        lines.append(f"| {who} | {pages} | {words} |")
    table = "\n".join(lines)
    text = PAGE.read_text()
    PAGE.write_text(re.sub(f"(?s){BEGIN}.*{END}", lambda _: f"{BEGIN}\n{table}\n{END}", text))
    print(table)
    for who, (_pages, found, report) in results.items():
        for kind in found:
            for finding in report["vulnerabilities"].get(kind, []) + report["anomalies"].get(
                kind, []
            ):
                print(f"{who}: {kind}: {finding['method']} {finding['path']} {finding['info']}")
    return int(any(found for _pages, found, _report in results.values()))


if __name__ == "__main__":
    sys.exit(main())
