"""Charts are valid pictures, whatever they show."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from io import BytesIO

import pytest
from PIL import Image

from core.kit.discord.charts import HEIGHT, WIDTH, payout_chart

STRANGE = ["Gates of Olympus 1000", "$$\\frac{1}{0}$", "🎁", "日本語", "x" * 80, "‮abc", ""]


def chart(count: int, title: str = "Friday", highest: int = 100) -> Image.Image:
    names = [STRANGE[n % len(STRANGE)] for n in range(count)]
    values = [Decimal(n % highest) / 3 for n in range(count)]
    words = {"bars": "Payout", "line": "Returned", "level_name": "Start", "currency": "$"}
    return Image.open(BytesIO(payout_chart(title, names, values, Decimal("500.5"), **words)))


@pytest.mark.parametrize("count", [0, 1, 2, 20, 21, 60, 150])
def test_any_number_of_bars_fits(count: int) -> None:
    picture = chart(count, "x" * 300)
    assert (picture.format, picture.size) == ("PNG", (WIDTH, HEIGHT))


def test_bars_line_and_level_are_drawn() -> None:
    colours = chart(12).convert("RGB").getcolors(WIDTH * HEIGHT) or []
    count = {colour: number for number, colour in colours}
    for colour in ((0x53, 0xFC, 0x18), (0x4C, 0xC2, 0xFF), (0xFF, 0xB0, 0x20)):
        assert count.get(colour, 0) > 200


def test_text_that_looks_like_a_formula_is_shown_as_it_is() -> None:
    assert chart(3, "$\\undefined{").size == (WIDTH, HEIGHT)


def test_charts_can_be_drawn_at_the_same_time() -> None:
    alone = chart(30).tobytes()
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda _n: chart(30).tobytes(), range(8)))
    assert all(artist == alone for artist in drawn)
