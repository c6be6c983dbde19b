"""``croptransfer:classify``: map a stack with a model that was trained before."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsFeedback, QgsProcessingContext, QgsProcessingParameterFile

from .mapping import MappingAlgorithm


class ClassifyAlgorithm(MappingAlgorithm):
    """Mapping alone as a Processing algorithm."""

    MODEL = "MODEL"

    def name(self) -> str:
        """Id of the algorithm."""
        return "classify"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Map crops with a trained model")

    def tags(self) -> list[str]:
        """Words that find it."""
        return "crop,classification,predict,model,time series,safetensors".split(",")

    def shortDescription(self) -> str:
        """One line for the toolbox."""
        return self.tr("Maps the crops of a raster stack with a model saved by 'Map crops by transfer'.")

    def shortHelpString(self) -> str:
        """Help beside the parameters."""
        return self.tr(
            "Maps a raster stack with a model that 'Map crops by transfer' has saved: further tiles of the region and "
            "season it was adapted to. For another region or year, run the transfer again.\n\n"
            "The stack needs the spectral bands of the model; the dates need not be the same."
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(
            QgsProcessingParameterFile(self.MODEL, self.tr("Model"), extension="safetensors"),
            self.tr("Model file (.safetensors) saved by 'Map crops by transfer'. Loading it cannot run code."),
        )
        self.add_target()
        self.add_mask()
        self.add_parcels()
        self.add_reading_options()
        self.add_mapping_options()
        self.add_map_outputs()

    def gather(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Resolve target and model file."""
        super().gather(parameters, context)
        self._plain["use_model"] = self.parameterAsString(parameters, self.MODEL, context)

    def own_fields(self, folder: str, feedback: QgsFeedback) -> dict[str, Any]:
        """The model instead of a source."""
        return {"use_model": self._plain["use_model"]}
