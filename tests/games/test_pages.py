"""The games on the dashboard."""

from io import BytesIO

import pytest

from core.games.starter import GAMES
from core.kit.text.uploads import MAX_BYTES
from tests.dashboard.site import GUILD, Site, Visitor, words

PAGE = f"/g/{GUILD}/games"


@pytest.fixture
def admin(site: Site) -> Visitor:
    return site.visitor("nora")


def sent(admin: Visitor, what: str, **fields: object) -> str:
    answer = admin.post(f"{PAGE}/{what}", page=PAGE, **fields)
    return words(admin.get(PAGE) if answer.status_code == 303 else answer)


def test_catalogue_is_searched_and_paged(admin: Visitor) -> None:
    first = words(admin.get(PAGE))
    assert f"Catalogue {len(GAMES)}" in first
    assert "Gates of Olympus" not in first
    found = words(admin.get(f"{PAGE}?name=olympus"))
    assert "Gates of Olympus 1000" in found
    assert "No game found" in words(admin.get(f"{PAGE}?name=nothing+like+it"))
    assert "Zeus vs Hades" in words(admin.get(f"{PAGE}?page=999"))


def test_game_is_added_banned_and_removed(admin: Visitor) -> None:
    assert "My Game saved." in sent(admin, "save", title="My Game", provider="Me", aliases="mg")
    shown = words(admin.get(f"{PAGE}?name=mg"))
    assert "My Game own" in shown
    assert "My Game banned." in sent(admin, "ban", title="My Game")
    assert "My Game" in words(admin.get(f"{PAGE}?banned=1"))
    assert "allowed again" in sent(admin, "unban", title="My Game")
    assert "My Game removed." in sent(admin, "remove", title="My Game")
    assert "Enter a title" in sent(admin, "save", title=" ")


def test_import_is_shown_before_it_happens(admin: Visitor) -> None:
    text = "title,provider\nMy Game,Me\n,nothing\nMental,Other"
    for fields in ({"text": text}, {"file": (BytesIO(text.encode("utf-8-sig")), "games.csv")}):
        preview = sent(admin, "preview", **fields)
        assert "New 1: My Game" in preview
        assert "Changed 1: Mental" in preview
        assert "Line 3: no title" in preview
    assert f"Catalogue {len(GAMES)}" in words(admin.get(PAGE))
    assert "2 games imported." in sent(admin, "import", text=text)
    assert f"Catalogue {len(GAMES) + 1}" in words(admin.get(PAGE))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"text": ""}, "No games found in the file."),
        ({"file": (BytesIO(b"\xff\xfebad"), "a.csv")}, "This file cannot be read as a list."),
        ({"file": (BytesIO(b"x" * (MAX_BYTES + 1)), "a.csv")}, "The file is too large."),
    ],
)
def test_bad_files_are_refused(admin: Visitor, fields: dict[str, object], why: str) -> None:
    assert why in sent(admin, "preview", **fields)


def test_whole_list_can_be_imported(admin: Visitor) -> None:
    text = "\n".join(f"Game {number},{'A provider ' * 7}" for number in range(8_000))
    assert 500_000 < len(text) < MAX_BYTES
    assert "New 8,000" in sent(admin, "preview", text=text)
    assert "8000 games imported." in sent(admin, "import", text=text).replace(",", "")


def test_exported_file_is_understood_again(admin: Visitor) -> None:
    sent(admin, "save", title="=1+1", provider="Me", aliases="a | b")
    file = admin.get(f"{PAGE}/games.csv")
    assert file.text.count("\n") >= len(GAMES)
    preview = sent(admin, "preview", text=file.text)
    assert f"Lines in the file {len(GAMES) + 1}" in preview


def test_columns_of_a_list_can_be_chosen(admin: Visitor) -> None:
    text = "rating;slot;studio\n5;My Game;Me"
    assert "New 1: My Game" in sent(admin, "preview", text=text)
    text = "rating;what;who\n5;My Game;Me"
    preview = sent(admin, "preview", text=text, column_title="1", column_provider="2")
    assert "New 2: what, My Game" in preview, "the first line is no heading that is known"
