"""What the pictures of all reports share: figures inside the page, class names as they are, the greenness to draw."""

from __future__ import annotations

import base64
import functools
import io
import operator
from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INDEX_BANDS = (("B08", "B04"), ("NIR", "RED"), ("nir", "red"))
"""Near infrared and red under the names that occur: a crop's season shows best in their NDVI."""
Color = tuple[int, int, int]


def embedded(figure: Figure) -> str:
    """A figure as a PNG data address, so that the report is one file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def label(name: str) -> str:
    """A class name as matplotlib shows it as it is: no formula between dollars, no hidden label after ``_``."""
    name = name.replace("$", r"\$")
    return f" {name}" if name.startswith("_") else name


def hex_colors(colors: Sequence[Color]) -> list[str]:
    """Colours as matplotlib and HTML know them."""
    return [matplotlib.colors.to_hex([part / 255 for part in color]) for color in colors]


def plain_axes(axes: Axes) -> None:
    """Only the axes that are read: no frame above and at the right."""
    axes.spines[["top", "right"]].set_visible(False)


def greenness(bands: tuple[str, ...]) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
    """What to draw of a (..., c) series: NDVI, given or computed, else the first band."""
    if "NDVI" in bands:
        return "NDVI", operator.itemgetter((..., bands.index("NDVI")))
    for near, red in INDEX_BANDS:
        if near in bands and red in bands:
            return "NDVI", functools.partial(_ndvi, bands.index(near), bands.index(red))
    return bands[0], operator.itemgetter((..., 0))


def _ndvi(near: int, red: int, values: np.ndarray) -> np.ndarray:
    total = values[..., near] + values[..., red]
    return np.divide(values[..., near] - values[..., red], total, out=np.full(total.shape, np.nan), where=total != 0)
