"""Finished files as styled layers: the map with its legend, the confidence beside it, in one group."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsColorRampLegendNodeSettings,
    QgsColorRampShader,
    QgsLayerTreeGroup,
    QgsProject,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QColor

CONFIDENCE_COLORS = ((0, "#8e0152"), (40, "#de77ae"), (60, "#f7f7f7"), (80, "#7fbc41"), (100, "#276419"))
"""Percent and colour: a diverging scheme that colour-blind people can read, dark where it is worst and best."""


def style_map(layer: QgsRasterLayer) -> None:
    """Give a classified map the legend of the style file beside it: the present classes, in the model's order."""
    style = Path(layer.source()).with_suffix(".qml")
    if style.exists():
        layer.loadNamedStyle(str(style))
        layer.triggerRepaint()


def style_confidence(layer: QgsRasterLayer) -> None:
    """Colour a confidence raster (percent) from purple, unsure, to green, sure."""
    ramp = QgsColorRampShader(0, 100)
    ramp.setColorRampType(QgsColorRampShader.Type.Interpolated)
    ramp.setColorRampItemList(
        [QgsColorRampShader.ColorRampItem(value, QColor(color), f"{value} %") for value, color in CONFIDENCE_COLORS]
    )
    legend = QgsColorRampLegendNodeSettings()
    legend.setSuffix(" %")
    ramp.setLegendSettings(legend)
    shader = QgsRasterShader(0, 100)
    shader.setRasterShaderFunction(ramp)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader)
    renderer.setClassificationMin(0)
    renderer.setClassificationMax(100)
    layer.setRenderer(renderer)
    layer.triggerRepaint()


def add_result(outputs: dict[str, str], name: str, project: QgsProject | None = None) -> QgsLayerTreeGroup:
    """Add a finished job's rasters to the project, in a group at the top of the layer tree.

    The map lies above, visible, with its legend open; the confidence below it, unticked and folded, since
    both together would hide each other. Layers of files that the job has replaced are taken out: they would
    show the new pixels with the old legend.

    Parameters
    ----------
    outputs : files by role, as the engine gives them back.
    name : name of the group and of the map.
    """
    project = project or QgsProject.instance()
    _take_out(set(outputs.values()), project)
    group = project.layerTreeRoot().insertGroup(0, name)
    group.setExpanded(False)
    titles = {"map": name, "confidence": QCoreApplication.translate("CropTransfer", "Confidence (%)")}
    for role, title in titles.items():
        if role not in outputs:
            continue
        layer = QgsRasterLayer(outputs[role], title, "gdal")
        if not layer.isValid():
            continue
        style_map(layer) if role == "map" else style_confidence(layer)
        project.addMapLayer(layer, False)
        node = group.addLayer(layer)
        node.setItemVisibilityChecked(role == "map")
        node.setExpanded(role == "map")
    # Layer trees show a group folded that was empty when it came in; only a change opens it.
    group.setExpanded(True)
    return group


def _take_out(paths: set[str], project: QgsProject) -> None:
    """Remove the layers of these files, and the groups that become empty by it."""
    root = project.layerTreeRoot()
    for layer in [layer for layer in project.mapLayers().values() if layer.source() in paths]:
        node = root.findLayer(layer.id())
        group = node.parent() if node is not None else None
        project.removeMapLayer(layer.id())
        if group is not None and group is not root and not group.children():
            group.parent().removeChildNode(group)
