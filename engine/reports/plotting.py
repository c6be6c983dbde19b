"""Shared by the plots of all reports: figures inside the page, class names, colours, the index to draw."""

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


def data_address(figure: Figure) -> str:
    """Turn a figure into the data address of a PNG, so that the report is one file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A finished figure.

    Returns
    -------
    str
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def escaped(name: str) -> str:
    """Return a class name that matplotlib shows unchanged: no formula between dollars, no hidden label after ``_``.

    Parameters
    ----------
    name : str
        Name of a class.
    """
    name = name.replace("$", r"\$")
    return f" {name}" if name.startswith("_") else name


def hex_colors(colors: Sequence[Color]) -> list[str]:
    """Return colours in the form of matplotlib and HTML.

    Parameters
    ----------
    colors : sequence of (r, g, b)
        Each 0 to 255.

    Returns
    -------
    list of str
    """
    return [matplotlib.colors.to_hex([part / 255 for part in color]) for color in colors]


def plain_axes(axes: Axes) -> None:
    """Remove the frame above and to the right.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Axes to change.
    """
    axes.spines[["top", "right"]].set_visible(False)


def greenness(bands: tuple[str, ...]) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
    """Choose what to draw of a series: NDVI, stored or computed, else the first band.

    Parameters
    ----------
    bands : tuple of str
        Names of the bands, c.

    Returns
    -------
    name : str
        What is drawn.
    index : callable
        From (..., c) values to (...).
    """
    if "NDVI" in bands:
        return "NDVI", operator.itemgetter((..., bands.index("NDVI")))
    for near, red in INDEX_BANDS:
        if near in bands and red in bands:
            return "NDVI", functools.partial(_ndvi, bands.index(near), bands.index(red))
    return bands[0], operator.itemgetter((..., 0))


def _ndvi(near: int, red: int, values: np.ndarray) -> np.ndarray:
    total = values[..., near] + values[..., red]
    return np.divide(values[..., near] - values[..., red], total, out=np.full(total.shape, np.nan), where=total != 0)
