"""The provider that QGIS lists as Crop Transfer."""

from __future__ import annotations

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from ...engine import __version__
from ..common.icons import icon
from .classify import ClassifyAlgorithm
from .compare import CompareAlgorithm
from .describe import DescribeAlgorithm
from .extract import ExtractAlgorithm
from .regularize import RegularizeAlgorithm
from .search import SearchAlgorithm
from .transfer import TransferAlgorithm


class CropTransferProvider(QgsProcessingProvider):
    """Algorithms of Crop Transfer."""

    def id(self) -> str:
        """Stable id, the first part of every algorithm's id."""
        return "croptransfer"

    def name(self) -> str:
        """Name in the toolbox."""
        return "Crop Transfer"

    def longName(self) -> str:
        """Name with the version."""
        return f"Crop Transfer {__version__}"

    def versionInfo(self) -> str:
        """Version of the plugin."""
        return __version__

    def icon(self) -> QIcon:
        """Icon in the toolbox."""
        return icon("croptransfer")

    def loadAlgorithms(self) -> None:
        """Add the algorithms."""
        self.addAlgorithm(TransferAlgorithm())
        self.addAlgorithm(ClassifyAlgorithm())
        self.addAlgorithm(CompareAlgorithm())
        self.addAlgorithm(ExtractAlgorithm())
        self.addAlgorithm(SearchAlgorithm())
        self.addAlgorithm(RegularizeAlgorithm())
        self.addAlgorithm(DescribeAlgorithm())

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """Maps are GeoTIFFs: no other format carries colours, names and table together."""
        return ["tif", "tiff"]

    def defaultRasterFileExtension(self) -> str:
        """The same, whatever the user's default for other algorithms."""
        return "tif"
