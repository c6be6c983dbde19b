"""What became of the parcels of a map, counted, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..imagery.parcels.layer import MEDIAN


@dataclass(frozen=True)
class ParcelCounts:
    """The parcels of a map by what became of them."""

    count: int
    """Features of the layer."""
    by_class: dict[int, tuple[int, float]]
    """Parcels and their area in hectares, by index of their class."""
    beside: int
    """Parcels that do not lie on the target."""
    shapeless: int
    """Features that have no polygon."""
    shared_pixels: int
    """Pixels of the map that lie in more than one parcel."""
    crop_field: str
    """Name of the field that holds the crop in the layer that was written."""

    @property
    def classified(self) -> int:
        """Parcels with a class."""
        return sum(count for count, _ in self.by_class.values())

    @property
    def unobserved(self) -> int:
        """Parcels on the target of which no pixel counts: never observed, or outside the mask."""
        return self.count - self.classified - self.beside - self.shapeless

    def warnings(self) -> list[str]:
        """Sentences about what the user should know."""
        told = []
        if self.count > self.classified:
            reasons = {
                "beside the target": self.beside,
                "without an observed pixel": self.unobserved,
                "without a polygon": self.shapeless,
            }
            which = ", ".join(f"{number:,} {reason}" for reason, number in reasons.items() if number)
            told.append(f"{self.count - self.classified:,} of {self.count:,} parcels have no class: {which}.")
        if self.shared_pixels:
            told.append(
                f"{self.shared_pixels:,} pixels lie in several parcels: on the map they show the crop of the later one."
            )
        return told

    def told(self, reading: str) -> dict[str, Any]:
        """How the map came about, JSON-ready, for ``reading`` as of the job."""
        by = "the median of its pixels" if reading == MEDIAN else "the mean probabilities of a set of its pixels"
        return {"way": f"Every parcel is classified once, by {by}."}

    def add_to(self, summary: dict[str, Any]) -> None:
        """Add the counts to a job's summary, and to its classes the number and hectares of their parcels."""
        summary["parcels"] = {
            "count": self.count,
            "classified": self.classified,
            "unobserved": self.unobserved,
            "beside": self.beside,
            "without_polygon": self.shapeless,
        }
        for index, entry in enumerate(summary["classes"]):
            number, hectares = self.by_class.get(index, (0, 0.0))
            entry["parcels"] = number
            entry["parcel_hectares"] = round(hectares, 4) if np.isfinite(hectares) else None
