"""Description of a regularization: one value a pixel, band and period of a season."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from ...imagery import StackBand
from ...imagery.geo.types import Encoding
from ...imagery.stack.regularize import Recipe
from ...imagery.stack.writer import DATA_TYPES
from ...series.composites import METHODS
from ...series.regular import ENDS, FILLS
from .limits import EncodingLimits
from .schema import Limits, Task, new_id, setting

AUTO = "auto"

ROLE = "input"
"""What the stack is called in messages."""

SMOOTHNESS = Limits(
    "smoothness", "smoothness", sys.float_info.min, sys.float_info.max, hint="Choose a number above 0, or leave it out."
)


@dataclass(frozen=True)
class Regularization(Task):
    """One value of every pixel, band and period of a season, as one file."""

    KIND = "regularization"
    DOCUMENT = "docs/regularize.md"

    output: str
    """Path of the regular stack (GeoTIFF)."""
    stack: tuple[StackBand, ...] = ()
    """The stack as it is, band by band, its quality bands among them."""
    period: str = "10"
    """Days of a period, or ``month``."""
    start: str = ""
    """First date of the season, from which periods of days are counted; empty: all dates, counted from 1 January."""
    end: str = ""
    """Its last date."""
    method: str = setting("median", Limits("method", "method", choices=METHODS))
    """Key of ``engine.series.composites.METHODS``."""
    by: str = ""
    """Band or index whose maximum ``max`` takes; empty: NDVI, or the only band."""
    fill: str = setting("none", Limits("fill", "fill", choices=FILLS))
    """Key of ``engine.series.regular.FILLS``."""
    smoothness: float | None = setting(None, SMOOTHNESS)
    """Lambda of ``whittaker``; None: what keeps swings of two months, 1 for periods of 10 days."""
    ends: str = setting("gap", Limits("ends", "ends", choices=ENDS))
    """Key of ``engine.series.regular.ENDS``."""
    bands: tuple[str, ...] = ()
    """Bands (and indices) that are written; empty for all bands."""
    indices: tuple[str, ...] = ()
    """Indices written as well, computed for each date before the composites are made."""
    quality: dict[str, list[Any]] | None = None
    """Values or names of bits that mask a pixel, by quality band; None for the defaults of each kind."""
    encoding: Encoding | None = setting(None, EncodingLimits("encoding", "input"))
    """How the numbers of the rasters encode values, as :attr:`.Job.source_encoding`; None: as the files say."""
    data_type: str = setting(AUTO, Limits("data-type", "data type", choices=(AUTO, *DATA_TYPES)))
    """Key of ``engine.imagery.stack.writer.DATA_TYPES``, or ``auto`` to look at the values."""
    id: str = field(default_factory=new_id)
    """Marks the unfinished file, so that it can be found and removed."""

    @property
    def recipe(self) -> Recipe:
        """How the observations of a period become one."""
        return Recipe(self.method, self.by, self.fill, self.smoothness, self.ends)

    def outputs(self) -> dict[str, str]:
        """The file that is written, by role: stack."""
        return {"stack": self.output}
