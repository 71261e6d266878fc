"""The examples of docs/api.md work."""

import json
import re
import shlex

import pytest

from core.api_tokens.actions import create_token
from tests.conventions.tree import ROOT
from tests.dashboard.site import GUILD, IDS, Site
from tests.vips.test_pages import connect

EXAMPLES = re.findall(r"^curl .+$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_work(site: Site, number: int) -> None:
    connect(site)
    with site.services.work_in(GUILD, IDS["nora"]) as work:
        token = create_token(work, "docs", "write")
    # What is changed by an example has to be there first.
    asked = [2, number] if number > 2 else [number]
    for example in asked:
        words = shlex.split(EXAMPLES[example].replace("$TOKEN", token).replace("$URL", ""))
        path = next(word for word in words if word.startswith("/api"))
        body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
        method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
        headers = dict(
            words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H"
        )
        sent = json.dumps(body) if body else None
        answer = site.app.test_client().open(path, method=method, headers=headers, data=sent)
        assert answer.status_code in (200, 201), answer.text
        answer.close()
