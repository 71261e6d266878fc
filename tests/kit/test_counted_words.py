"""What is counted is said in the right form: “1 ticket”, never “1 tickets” or “+0 −100”."""

import re
from pathlib import Path

import pytest

from core.kit.text.words import gain_and_loss

CORE = Path(__file__).parents[2] / "core"
COUNTED = (
    "accounts|bonuses|changes|channels|days|entrants|entries|games|gifts|guesses|hours|lines|"
    "members|messages|minutes|people|players|points|requests|results|roles|rows|servers|subs|"
    "tickets|viewers|votes|winners"
)


@pytest.mark.parametrize(
    ("gain", "loss", "shown"),
    [(5, 3, "+5 −3"), (5, 0, "+5"), (0, 1200, "−1,200"), (0, 0, "±0")],
)
def test_gain_and_loss_leave_out_what_is_zero(gain: int, loss: int, shown: str) -> None:
    assert gain_and_loss(gain, loss) == shown


def test_counts_in_pages_and_scripts_have_both_forms() -> None:
    """In templates `ngettext`, in scripts a condition; Python's are checked by `plural`."""
    page = re.compile(rf"\{{% trans[^%]*%\}}[^{{]*\{{\{{ ?\w+ ?\}}\}} ({COUNTED})\b")
    counted = re.compile(rf"\}}\}}(</\w+>)* ?(\{{% trans %\}})?({COUNTED})\b")
    sentence = re.compile(rf"""[^n]_\("[^"]*[{{(]\w+[)}}]s? ({COUNTED})\b""")
    script = re.compile(rf"\$\{{[^}}]+\}} ({COUNTED})\b")
    wrong = [
        f"{path.relative_to(CORE)}: {line.strip()[:120]}"
        for pattern, suffix in (
            *((page, "*.html"), (counted, "*.html"), (sentence, "*.html")),
            (script, "*.js"),
        )
        for path in CORE.rglob(suffix)
        for line in path.read_text().splitlines()
        if pattern.search(line) and "=== 1" not in line
    ]
    assert wrong == []


def test_messages_that_count_have_both_forms() -> None:
    """`_("{count} tickets")` has one form; limits, such as "at most {maximum} games", are many."""
    message = re.compile(r'\bN?_\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
    words = COUNTED.replace("days|", "").replace("minutes|", "")  # those of constants
    counted = re.compile(
        rf"(?<!at most )(?<!to )\{{(?!most|highest|platform)\w+\}} (\w+ )?({words})\b",
        re.IGNORECASE,
    )
    wrong = [
        f"{path.relative_to(CORE)}: {text}"
        for path in CORE.rglob("*.py")
        for found in message.finditer(path.read_text())
        if counted.search(text := re.sub(r'"\s*"', "", found[1]))
    ]
    assert wrong == []


def test_plain_strings_do_not_count_things() -> None:
    """An f-string such as `f"{n} tickets"` has one form only."""
    counted = re.compile(rf"""f["'][^"']*\{{[^}}]+\}} ({COUNTED})\b""")
    wrong = [
        f"{path.relative_to(CORE)}: {line.strip()}"
        for path in CORE.rglob("*.py")
        if path.name != "__main__.py"
        for line in path.read_text().splitlines()
        if counted.search(line)
        and ":.2f}" not in line
        and not line.strip().startswith(("raise ", "assert ", "#"))
    ]
    assert wrong == []
