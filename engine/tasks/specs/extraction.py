"""Description of an extraction: labelled series drawn from a stack into a series file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...imagery import LabelLayer, StackBand
from ...imagery.geo.types import Encoding
from .limits import SAMPLES_PER_CLASS, SEED, EncodingLimits
from .schema import Limits, Task, new_id, setting


@dataclass(frozen=True)
class Extraction(Task):
    """Draw the series of labelled pixels from a stack, join them with series files, and write one series file."""

    KIND = "extraction"
    DOCUMENT = "docs/labels.md"

    output: str
    """Path of the series file (``.npz``)."""
    labels: LabelLayer | None = None
    """Labels of the source; needs ``source``. None: only series files are joined."""
    source: tuple[StackBand, ...] = ()
    """Source stack, band by band."""
    quality: dict[str, list[Any]] | None = None
    """Values or names of bits that mask a pixel, by quality band; None for the defaults of each kind."""
    join: tuple[str, ...] = ()
    """Series files of other regions or years that are joined with it."""
    per_class: int = setting(SAMPLES_PER_CLASS, Limits("per-class", "number of pixels per class", 1))
    """Most pixels of a class that are drawn from the stack."""
    seed: int = setting(0, SEED)
    """Seed of the draw."""
    keep_spellings: bool = False
    """Whether spellings of one class in the joined files stay classes of their own."""
    encoding: Encoding | None = setting(None, EncodingLimits("encoding", "source"))
    """How the numbers of the rasters encode values, as :attr:`.Job.source_encoding`; None: as the files say."""
    id: str = field(default_factory=new_id)
    """Marks the unfinished file, so that it can be found and removed."""

    def outputs(self) -> dict[str, str]:
        """The file that is written, by role: series."""
        return {"series": self.output}
