"""`docs/decisions/`: each decision has one number and one place, and the index links to it."""

import re
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"


def headings() -> list[tuple[str, str]]:
    """(heading, page) of every decision."""
    return [
        (heading, page.name)
        for page in sorted(FOLDER.glob("*.md"))
        if page.name != "README.md"
        for heading in re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
    ]


def test_index_lists_every_decision_with_its_page() -> None:
    listed = re.findall(r"^\* \[(.+)\]\((\w+\.md)\)$", (FOLDER / "README.md").read_text(), re.M)
    assert sorted(listed) == sorted(headings())


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = Counter(heading.partition(". ")[0] for heading, _page in headings())
    assert [number for number, count in numbers.items() if count > 1] == []
    assert [number for number in numbers if not re.fullmatch(r"\d+[a-d]?", number)] == []


def test_decisions_refer_to_decisions_that_exist() -> None:
    numbers = {heading.partition(". ")[0] for heading, _page in headings()}
    text = "".join(page.read_text() for page in FOLDER.glob("*.md"))
    referred = re.findall(r"\b[Dd]ecisions? (\d+[a-d]?)\b", text)
    assert set(referred) <= numbers
