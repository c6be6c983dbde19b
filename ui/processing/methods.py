"""The choice among the methods as a parameter, explained with one line a method."""

from __future__ import annotations

from qgis.core import QgsProcessingParameterEnum

from ...engine.alignment import METHODS


class MethodParameter(QgsProcessingParameterEnum):
    """A choice whose help has several lines, also in the tool tip, which is HTML."""

    def toolTip(self) -> str:
        """What the toolbox shows over the name of the parameter."""
        return super().toolTip().replace("\n", "<br>")


def method_lines() -> str:
    """Key, title and summary of each method, one a line."""
    return "\n".join(f"{key}: {info.title}. {info.summary}" for key, info in METHODS.items())
