"""Finished files as styled layers: parcels and map with their legends, the confidence beside them, in one group."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsColorRampLegendNodeSettings,
    QgsColorRampShader,
    QgsLayerTreeGroup,
    QgsMapLayer,
    QgsProject,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QColor

CONFIDENCE_COLORS = ((0, "#8e0152"), (40, "#de77ae"), (60, "#f7f7f7"), (80, "#7fbc41"), (100, "#276419"))
"""Percent and colour: a diverging scheme that colour-blind people can read, dark where it is worst and best."""


def style_crops(layer: QgsMapLayer) -> None:
    """Give a map or parcels the legend of the style file beside it: the present classes, in the model's order."""
    style = Path(layer.source().partition("|layername=")[0]).with_suffix(".qml")
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
    """Add a finished job's layers to the project, in a group at the top of the layer tree.

    The parcels, or without any the map, lie above with their legend open; the confidence below, unticked and folded,
    since both together would hide each other. Layers of files that the job has replaced are taken out: they would
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
    titles = {
        "parcels": QCoreApplication.translate("CropTransfer", "Parcels of {name}").format(name=name),
        "map": name,
        "confidence": QCoreApplication.translate("CropTransfer", "Confidence (%)"),
    }
    for role, title in titles.items():
        if role not in outputs:
            continue
        vector = role == "parcels"
        layer = QgsVectorLayer(outputs[role], title, "ogr") if vector else QgsRasterLayer(outputs[role], title, "gdal")
        if not layer.isValid():
            continue
        style_confidence(layer) if role == "confidence" else style_crops(layer)
        project.addMapLayer(layer, False)
        node = group.addLayer(layer)
        node.setItemVisibilityChecked(role != "confidence")
        node.setExpanded(len(group.children()) == 1)
    # Layer trees show a group folded that was empty when it came in; only a change opens it.
    group.setExpanded(True)
    return group


def _take_out(paths: set[str], project: QgsProject) -> None:
    """Remove the layers of these files, and the groups that become empty by it."""
    root = project.layerTreeRoot()
    for layer in [
        layer for layer in project.mapLayers().values() if layer.source().partition("|layername=")[0] in paths
    ]:
        node = root.findLayer(layer.id())
        group = node.parent() if node is not None else None
        project.removeMapLayer(layer.id())
        if group is not None and group is not root and not group.children():
            group.parent().removeChildNode(group)
