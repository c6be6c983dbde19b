"""Why labels give no sample: counted by reason, in one sentence."""

from __future__ import annotations

from collections import Counter

NO_CLASS = "without a class in '{field}'"
NO_GEOMETRY = "without a geometry"
NO_SHAPE = "neither a point nor a polygon"
OUTSIDE = "outside the imagery"
BUFFERED = "wholly within {distance:g} m of their border"
CONFLICT = "claimed by two classes, where labels overlap"
TOO_SMALL = "smaller than a pixel that belongs to another class"
UNOBSERVED = "never observed (nodata or clouds)"


class LostLabels(Counter[str]):
    """Number of labels (features, or parts of them) by the reason for which they give no sample."""

    def describe(self) -> str:
        """The numbers and reasons; empty where no label is lost."""
        return ", ".join(f"{count:,} {reason}" for reason, count in self.items() if count > 0)

    def warnings(self, layer: str) -> list[str]:
        """A sentence for the user, where labels are lost.

        Parameters
        ----------
        layer : str
            Name of the labels.
        """
        text = self.describe()
        return [f"Labels of {layer} that give no sample: {text}."] if text else []
