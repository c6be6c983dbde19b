"""The choice among the methods as a parameter, explained with one line a method."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingContext, QgsProcessingParameterEnum

from ...engine.methods import METHODS


class MethodParameter(QgsProcessingParameterEnum):
    """A choice whose help has several lines, also in the tool tip, which is HTML."""

    def toolTip(self) -> str:
        """What the toolbox shows over the name of the parameter."""
        return super().toolTip().replace("\n", "<br>")

    def valueAsPythonString(self, value: Any, context: QgsProcessingContext) -> str:
        """The value in the log, the history and a copied command, where QGIS 3.22 forgets a list of texts."""
        text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        return super().valueAsPythonString(text, context)


def method_lines() -> str:
    """Key, title and summary of each method, one a line."""
    return "\n".join(f"{key}: {info.title}. {info.summary}" for key, info in METHODS.items())
