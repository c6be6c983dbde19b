"""Description of an extraction: labelled series drawn from a stack into a series file."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import InputError
from ...imagery import LabelLayer, StackBand
from .limits import SAMPLES_PER_CLASS
from .schema import BAND_KINDS, LABEL_KINDS, Kind, checked

VERSION = 1

KIND = "extraction"

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("output", "id"), (str, "a text")),
    **dict.fromkeys(("labels", "quality"), ((dict, type(None)), "an object")),
    "source": (list, "a list of bands"),
    "join": (list, "a list of paths"),
    **dict.fromkeys(("per_class", "seed"), (int, "a whole number")),
}


@dataclass(frozen=True)
class Extraction:
    """Draw the series of labelled pixels from a stack, join them with series files, and write one series file."""

    output: str
    """Path of the series file (``.npz``)."""
    labels: LabelLayer | None = None
    """Labels of the source; needs ``source``. None: only series files are joined."""
    source: tuple[StackBand, ...] = ()
    """Source stack, band by band."""
    quality: dict[str, list[Any]] | None = None
    """What a pixel must not show, by quality band: values or names of bits; None for the defaults of each kind."""
    join: tuple[str, ...] = ()
    """Series files of other regions or years that are joined with it."""
    per_class: int = SAMPLES_PER_CLASS
    """Most pixels of a class that are drawn from the stack."""
    seed: int = 0
    """Seed of the draw."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Marks the unfinished file, so that it can be found and removed."""

    def outputs(self) -> dict[str, str]:
        """The file that is written, by role: series."""
        return {"series": self.output}

    def to_json(self, indent: int | None = None) -> str:
        """The extraction as JSON text, in one line unless ``indent`` is given."""
        return json.dumps({"kind": KIND, "version": VERSION, **asdict(self)}, ensure_ascii=False, indent=indent)

    @staticmethod
    def from_json(text: str) -> Extraction:
        """The extraction of a JSON text; raises InputError (``job``) where it is not one."""
        try:
            values = checked(json.loads(text), KINDS, "The extraction")
            if values.pop("kind", KIND) != KIND or values.pop("version", VERSION) != VERSION:
                raise ValueError("it is none, or one of another version of Crop Transfer")
            if values.get("labels"):
                values["labels"] = LabelLayer(**checked(values["labels"], LABEL_KINDS, "Its labels"))
            bands = [checked(band, BAND_KINDS, "A band of its source") for band in values.get("source", ())]
            values["source"] = tuple(StackBand(**band) for band in bands)
            values["join"] = tuple(values.get("join", ()))
            if not all(isinstance(path, str) for path in values["join"]):
                raise TypeError(f"'join' is {list(values['join'])!r}, not a list of paths")
            if not values.get("id", "0").isalnum():
                raise ValueError("its id is part of file names and must be letters and digits")
            return Extraction(**values)
        except (ValueError, TypeError) as fault:
            raise InputError(
                "job", f"The extraction is not valid: {fault}.", "See docs/labels.md for its form."
            ) from fault
