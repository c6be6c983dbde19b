"""Choices of one or several keys as a parameter, each explained in a line of its help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.core import QgsProcessingContext, QgsProcessingParameterEnum

from ...engine.methods import METHODS

METHOD_CHOICES = {key: f"{info.title}. {info.summary}" for key, info in METHODS.items()}
"""Title and summary of each method."""


class ChoiceParameter(QgsProcessingParameterEnum):
    """A choice whose help has several lines, also in the tool tip, which is HTML."""

    def toolTip(self) -> str:
        """The tool tip of the parameter's name in the toolbox."""
        return super().toolTip().replace("\n", "<br>")

    def valueAsPythonString(self, value: Any, context: QgsProcessingContext) -> str:
        """The value in the log, the history and a copied command, where QGIS 3.22 forgets a list of texts."""
        text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        return super().valueAsPythonString(text, context)


def choice_lines(choices: Mapping[str, str]) -> str:
    """Key and meaning of each choice, one a line."""
    return "\n".join(f"{key}: {meaning}" for key, meaning in choices.items())
