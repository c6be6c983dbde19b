"""Draw the demo's map with its legend, the truth and the confidence beside it: demo_picture.py SCENE OUTPUT ACCURACY.

A print layout of QGIS, without a display.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemMap,
    QgsLayoutItemScaleBar,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsLegendStyle,
    QgsMapLayerLegendUtils,
    QgsPalettedRasterRenderer,
    QgsPrintLayout,
    QgsProject,
    QgsRasterLayer,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QFont

from croptransfer.ui.common.layers import style_confidence, style_crops

WIDTH, HEIGHT = 240.0, 166.0
"""Size of the page in millimetres."""
RESOLUTION = 150
"""Dots per inch."""
DARK = QColor("#22302a")
GREY = QColor("#5c6b64")


class Page:
    """A print layout to which panels, texts and the legend are added, in millimetres from the upper left corner."""

    def __init__(self, project: QgsProject) -> None:
        self.layout = QgsPrintLayout(project)
        self.layout.initializeDefaults()
        size = QgsLayoutSize(WIDTH, HEIGHT, QgsUnitTypes.LayoutUnit.LayoutMillimeters)
        self.layout.pageCollection().page(0).setPageSize(size)

    def _put(self, item: object, x: float, y: float, width: float, height: float) -> None:
        self.layout.addLayoutItem(item)
        item.attemptMove(QgsLayoutPoint(x, y, QgsUnitTypes.LayoutUnit.LayoutMillimeters))
        item.attemptResize(QgsLayoutSize(width, height, QgsUnitTypes.LayoutUnit.LayoutMillimeters))

    def text(self, text: str, x: float, y: float, width: float, size: float, bold: bool, color: QColor) -> None:
        """A line of text."""
        label = QgsLayoutItemLabel(self.layout)
        label.setText(text)
        label.setFont(font(size, bold))
        label.setFontColor(color)
        self._put(label, x, y, width, size * 0.6 + 1)

    def panel(self, layer: QgsRasterLayer, x: float, y: float, size: float) -> QgsLayoutItemMap:
        """A square map of one layer's full extent."""
        panel = QgsLayoutItemMap(self.layout)
        self._put(panel, x, y, size, size)
        panel.setCrs(layer.crs())
        panel.setLayers([layer])
        panel.setKeepLayerSet(True)
        panel.setExtent(layer.extent())
        panel.setBackgroundColor(QColor("#f3f1ea"))
        panel.setFrameEnabled(True)
        panel.setFrameStrokeColor(GREY)
        return panel

    def legend(self, layers: list[QgsRasterLayer], x: float, y: float) -> None:
        """The legends of the layers under each other."""
        legend = QgsLayoutItemLegend(self.layout)
        legend.setAutoUpdateModel(False)
        root = legend.model().rootGroup()
        root.clear()
        for layer in layers:
            node = root.addLayer(layer)
            # The first entry names the band, which says nothing here.
            entries = len(legend.model().layerLegendNodes(node))
            QgsMapLayerLegendUtils.setLegendNodeOrder(node, list(range(1, entries)))
            legend.model().refreshLayerLegend(node)
        for style, size, bold in (
            (QgsLegendStyle.Style.Subgroup, 9, True),
            (QgsLegendStyle.Style.SymbolLabel, 9, False),
        ):
            legend.rstyle(style).setFont(font(size, bold))
        legend.setFontColor(DARK)
        legend.setBackgroundEnabled(False)
        self.layout.addLayoutItem(legend)
        legend.attemptMove(QgsLayoutPoint(x, y, QgsUnitTypes.LayoutUnit.LayoutMillimeters))
        legend.adjustBoxSize()

    def scale_bar(self, panel: QgsLayoutItemMap, x: float, y: float) -> None:
        """A bar of half a kilometre."""
        bar = QgsLayoutItemScaleBar(self.layout)
        bar.setLinkedMap(panel)
        bar.setStyle("Line Ticks Up")
        bar.setUnits(QgsUnitTypes.DistanceUnit.DistanceMeters)
        bar.setUnitLabel("m")
        bar.setNumberOfSegments(2)
        bar.setNumberOfSegmentsLeft(0)
        bar.setUnitsPerSegment(250)
        style = bar.textFormat()
        style.setFont(font(8, False))
        style.setSize(8)
        style.setColor(GREY)
        bar.setTextFormat(style)
        self.layout.addLayoutItem(bar)
        bar.attemptMove(QgsLayoutPoint(x, y, QgsUnitTypes.LayoutUnit.LayoutMillimeters))

    def export(self, path: Path) -> None:
        """Write the page as an image; raises SystemExit where QGIS cannot."""
        settings = QgsLayoutExporter.ImageExportSettings()
        settings.dpi = RESOLUTION
        settings.generateWorldFile = False
        settings.exportMetadata = False
        if QgsLayoutExporter(self.layout).exportToImage(str(path), settings) != QgsLayoutExporter.Success:
            raise SystemExit(f"QGIS could not write {path}.")


def font(size: float, bold: bool) -> QFont:
    """The font of all texts."""
    face = QFont("DejaVu Sans")
    face.setPointSizeF(size)
    face.setBold(bold)
    return face


def load(path: Path, title: str) -> QgsRasterLayer:
    """A raster as a layer of the project."""
    layer = QgsRasterLayer(str(path), title, "gdal")
    if not layer.isValid():
        raise SystemExit(f"QGIS cannot open {path}.")
    QgsProject.instance().addMapLayer(layer)
    return layer


def style_truth(truth: QgsRasterLayer, names: list[str], crop_map: QgsRasterLayer) -> None:
    """Give the truth, which numbers the classes differently, the map's colours."""
    color = {entry.label: entry.color for entry in crop_map.renderer().classes()}
    classes = [
        QgsPalettedRasterRenderer.Class(value, color.get(name, QColor(Qt.GlobalColor.gray)), name)
        for value, name in enumerate(names, 1)
    ]
    truth.setRenderer(QgsPalettedRasterRenderer(truth.dataProvider(), 1, classes))


def main(scene: Path, output: Path, accuracy: str) -> None:
    """Draw the page."""
    crop_map = load(output / "map.tif", "Crop")
    style_crops(crop_map)
    confidence = load(output / "confidence.tif", "Confidence (%)")
    style_confidence(confidence)
    truth = load(scene / "truth" / "target_truth.tif", "Truth")
    style_truth(truth, (scene / "truth" / "classes.txt").read_text(encoding="utf-8").splitlines(), crop_map)

    page = Page(QgsProject.instance())
    page.text("Crop Transfer: the sample target", 8, 6, 200, 15, True, DARK)
    story = "Trained on fields of another region and year, four weeks earlier in the season, without labels from here."
    page.text(story, 8, 14, 230, 9, False, GREY)
    page.text(f"Crop map ({accuracy})", 8, 22, 130, 9, True, DARK)
    panel = page.panel(crop_map, 8, 28, 122)
    page.scale_bar(panel, 8, 151)
    page.text("Reference", 136, 22, 60, 9, True, DARK)
    page.panel(truth, 136, 28, 58)
    page.text("Confidence", 136, 87, 60, 9, True, DARK)
    page.panel(confidence, 136, 92, 58)
    page.legend([crop_map], 198, 26)
    page.legend([confidence], 198, 90)
    page.export(output / "map.png")


if __name__ == "__main__":
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], True)
    application.initQgis()
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    # Layers that outlive QGIS crash it: leave without tearing down.
    os._exit(0)
