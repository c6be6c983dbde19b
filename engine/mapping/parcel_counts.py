"""Counts of the parcels of a map, as warnings and as a summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..imagery.parcels.layer import MEDIAN


@dataclass(frozen=True)
class ParcelCounts:
    """The parcels of a map by how they were classified."""

    count: int
    """Features of the layer."""
    by_class: dict[int, tuple[int, float]]
    """Parcels and their area in hectares, by index of their class."""
    outside: int
    """Parcels outside the target."""
    without_polygon: int
    """Features that have no polygon."""
    shared_pixels: int
    """Pixels of the map that are in more than one parcel."""
    crop_field: str
    """Name of the field that holds the crop in the layer that was written."""

    @property
    def classified(self) -> int:
        """Parcels with a class."""
        return sum(count for count, _ in self.by_class.values())

    @property
    def unobserved(self) -> int:
        """Parcels on the target of which no pixel counts: never observed, or outside the mask."""
        return self.count - self.classified - self.outside - self.without_polygon

    def warnings(self) -> list[str]:
        """Sentences about what the user should know."""
        texts = []
        if self.count > self.classified:
            reasons = {
                "outside the target": self.outside,
                "without an observed pixel": self.unobserved,
                "without a polygon": self.without_polygon,
            }
            which = ", ".join(f"{number:,} {reason}" for reason, number in reasons.items() if number)
            texts.append(f"{self.count - self.classified:,} of {self.count:,} parcels have no class: {which}.")
        if self.shared_pixels:
            texts.append(f"{self.shared_pixels:,} pixels are in several parcels: the map shows the last one's crop.")
        return texts

    def describe(self, reading: str) -> dict[str, Any]:
        """How the parcels were classified.

        Parameters
        ----------
        reading : str
            ``median`` or ``set``, as in the job.

        Returns
        -------
        dict
            JSON-ready.
        """
        by = "the median of its pixels" if reading == MEDIAN else "the mean probabilities of a set of its pixels"
        return {"way": f"Every parcel is classified once, by {by}."}

    def add_to_summary(self, summary: dict[str, Any]) -> None:
        """Add the counts, and to each class the number and hectares of its parcels.

        Parameters
        ----------
        summary : dict
            Of a job, with its ``classes``.
        """
        summary["parcels"] = {
            "count": self.count,
            "classified": self.classified,
            "unobserved": self.unobserved,
            "beside": self.outside,
            "without_polygon": self.without_polygon,
        }
        for index, entry in enumerate(summary["classes"]):
            number, hectares = self.by_class.get(index, (0, 0.0))
            entry["parcels"] = number
            entry["parcel_hectares"] = round(hectares, 4) if np.isfinite(hectares) else None
