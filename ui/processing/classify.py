"""``croptransfer:classify``: map a stack with a trained model."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsFeedback, QgsProcessingContext, QgsProcessingParameterFile

from .mapping import MappingAlgorithm


class ClassifyAlgorithm(MappingAlgorithm):
    """Mapping alone as a Processing algorithm."""

    ID = "classify"
    TITLE = "Map crops with a trained model"
    TAGS = "crop,classification,predict,model,time series,safetensors"
    SUMMARY = "Maps the crops of a raster stack with a model saved by 'Map crops by transfer'."
    ABOUT = (
        "Maps a raster stack with a model saved by 'Map crops by transfer': further tiles of the region and season to "
        "which it was adapted. For another region or year, run the transfer again.\n\n"
        "The stack needs the spectral bands of the model; the dates may differ."
    )
    HELP = {
        **MappingAlgorithm.HELP,
        "MODEL": "Model file (.safetensors) saved by 'Map crops by transfer'. Loading it cannot run code.",
    }

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(QgsProcessingParameterFile, "MODEL", "Model", extension="safetensors")
        self.add_target()
        self.add_area()
        self.add_mapping()

    def own_fields(self, context: QgsProcessingContext, folder: str, feedback: QgsFeedback) -> dict[str, Any]:
        """The model instead of a source."""
        return {"use_model": self._plain["model"]}
