"""Description of a regularization: one value a pixel, band and period of a season."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import InputError
from ...imagery import StackBand
from ...imagery.stack.regularize import Recipe
from .schema import BAND_KINDS, Kind, checked

VERSION = 1

KIND = "regularization"

AUTO = "auto"

ROLE = "input"
"""What the stack is called in messages."""

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("output", "period", "start", "end", "method", "by", "fill", "ends"), (str, "a text")),
    **dict.fromkeys(("data_type", "id"), (str, "a text")),
    "stack": (list, "a list of bands"),
    **dict.fromkeys(("bands", "indices"), (list, "a list of names")),
    "quality": ((dict, type(None)), "an object"),
    "smoothness": ((int, float, type(None)), "a number"),
}


@dataclass(frozen=True)
class Regularization:
    """One value of every pixel, band and period of a season, as one file."""

    output: str
    """Path of the regular stack (GeoTIFF)."""
    stack: tuple[StackBand, ...]
    """The stack as it is, band by band, its quality bands among them."""
    period: str = "10"
    """Days of a period, or ``month``."""
    start: str = ""
    """First date of the season, from which periods of days are counted; empty: all dates, counted from 1 January."""
    end: str = ""
    """Its last date."""
    method: str = "median"
    """Key of ``engine.series.composites.METHODS``."""
    by: str = ""
    """Band or index whose maximum ``max`` takes; empty: NDVI, or the only band."""
    fill: str = "none"
    """Key of ``engine.series.regular.FILLS``."""
    smoothness: float | None = None
    """Lambda of ``whittaker``; None: what keeps swings of two months, 1 for periods of 10 days."""
    ends: str = "gap"
    """Key of ``engine.series.regular.ENDS``."""
    bands: tuple[str, ...] = ()
    """Bands (and indices) that are written; empty for all bands."""
    indices: tuple[str, ...] = ()
    """Indices written besides, computed for each date before the composites are made."""
    quality: dict[str, list[Any]] | None = None
    """What a pixel must not show, by quality band: values or names of bits; None for the defaults of each kind."""
    data_type: str = AUTO
    """Key of ``engine.imagery.stack.writer.DATA_TYPES``, or ``auto`` to look at the values."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Marks the unfinished file, so that it can be found and removed."""

    @property
    def recipe(self) -> Recipe:
        """How the observations of a period become one."""
        return Recipe(self.method, self.by, self.fill, self.smoothness, self.ends)

    def outputs(self) -> dict[str, str]:
        """The file that is written, by role: stack."""
        return {"stack": self.output}

    def to_json(self, indent: int | None = None) -> str:
        """The regularization as JSON text, in one line unless ``indent`` is given."""
        return json.dumps({"kind": KIND, "version": VERSION, **asdict(self)}, ensure_ascii=False, indent=indent)

    @staticmethod
    def from_json(text: str) -> Regularization:
        """The regularization of a JSON text; raises InputError (``job``) where it is not one."""
        try:
            values = checked(json.loads(text), KINDS, "The regularization")
            if values.pop("kind", KIND) != KIND or values.pop("version", VERSION) != VERSION:
                raise ValueError("it is none, or one of another version of Crop Transfer")
            stack = [checked(band, BAND_KINDS, "A band of its stack") for band in values.get("stack", ())]
            values["stack"] = tuple(StackBand(**band) for band in stack)
            for key in ("bands", "indices"):
                values[key] = tuple(values.get(key, ()))
                if not all(isinstance(name, str) for name in values[key]):
                    raise TypeError(f"'{key}' is {list(values[key])!r}, not a list of names")
            if not values.get("id", "0").isalnum():
                raise ValueError("its id is part of file names and must be letters and digits")
            return Regularization(**values)
        except (ValueError, TypeError) as fault:
            raise InputError(
                "job", f"The regularization is not valid: {fault}.", "See docs/regularize.md for its form."
            ) from fault
