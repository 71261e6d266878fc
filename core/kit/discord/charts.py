"""Charts as pictures, for messages.

matplotlib is loaded for the first chart: it uses a lot of memory, and many servers never need it.
Only its objects are used, never `pyplot`, so that threads do not share state.
"""

import io
import os
import tempfile
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, DPI = 1200, 600, 100

_SURFACE, _TEXT, _DIM, _GRID = "#161B22", "#E6EDF3", "#9AA7B5", "#30363D"
_BAR, _LINE, _LEVEL = "#53FC18", "#4CC2FF", "#FFB020"

MAX_NAMES = 20
"""Maximum number of bars with a name below. Among more bars, every second, third … is numbered."""
MAX_NAME_CHARACTERS = 18


def payout_chart(
    title: str,
    names: Sequence[str],
    values: Sequence[Decimal],
    level: Decimal,
    *,
    bars: str,
    line: str,
    level_name: str,
    currency: str,
) -> bytes:
    """A bar for each value, a line of their sum, and a horizontal line, as PNG.

    Args:
        names: the labels of the bars, in order.
        level: the height of the horizontal line.
        bars: legend text for the bars; likewise `line` and `level_name`.
    """
    os.environ.setdefault("MPLCONFIGDIR", str(Path(tempfile.gettempdir()) / "regulars-charts"))
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=_SURFACE)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=_SURFACE)
    places = range(1, len(values) + 1)
    heights = [float(value) for value in values]
    sums = [sum(heights[:place]) for place in places]
    axes.bar(places, heights, width=0.72, color=_BAR, label=bars, zorder=2)
    marker = "o" if len(values) <= MAX_NAMES else ""
    axes.plot(places, sums, color=_LINE, linewidth=2.5, marker=marker, label=line, zorder=3)
    axes.axhline(
        float(level), color=_LEVEL, linewidth=2, linestyle="--", label=level_name, zorder=1
    )
    axes.set_title(
        _plain(title, 50), color=_TEXT, fontsize=18, loc="left", pad=14, parse_math=False
    )
    axes.set_ylabel(currency, color=_DIM, fontsize=12, parse_math=False)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.10g}"))
    margin = max(0, 6 - len(values)) / 2
    axes.set_xlim(0.4 - margin, len(values) + 0.6 + margin)
    axes.set_ylim(bottom=0)
    _label(axes, places, names)
    _style(axes)
    figure.tight_layout()
    file = io.BytesIO()
    canvas.print_figure(file, format="png", facecolor=_SURFACE)
    return file.getvalue()


def _style(axes: "Axes") -> None:
    """Faint horizontal grid lines, no frame, and the legend at the top right above the chart."""
    axes.tick_params(colors=_DIM, length=0)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=3,
        borderpad=0.2,
        frameon=False,
        labelcolor=_TEXT,
        fontsize=11,
    )


def _label(axes: "Axes", places: Sequence[int], names: Sequence[str]) -> None:
    """Names if there is room for them, otherwise numbers."""
    if len(names) <= MAX_NAMES:
        labels = [
            _plain(name, MAX_NAME_CHARACTERS) or f"#{n}"
            for n, name in zip(places, names, strict=True)
        ]
        axes.set_xticks(places, labels)
        slanted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
        for label in axes.get_xticklabels():
            label.set(**(slanted if len(names) > 4 else {}), fontsize=10, parse_math=False)
    else:
        step = -(-len(names) // MAX_NAMES)
        shown = places[::step]
        axes.set_xticks(shown, [str(place) for place in shown])


def _plain(text: str, maximum: int) -> str:
    """Text the font can show, cut to a maximum length."""
    kept = "".join(c for c in unicodedata.normalize("NFC", text) if _is_in_font(c)).strip()
    return kept if len(kept) <= maximum else kept[: maximum - 1].rstrip() + "…"


def _is_in_font(character: str) -> bool:
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    return bool(font.get_char_index(ord(character)))
