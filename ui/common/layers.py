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
"""Percent and colour: a diverging scheme that colour-blind people can read, dark at both ends."""


def style_crops(layer: QgsMapLayer) -> None:
    """Style a map or parcels with the style file beside it: its classes, in the order of the model."""
    style = Path(layer.source().partition("|layername=")[0]).with_suffix(".qml")
    if style.exists():
        layer.loadNamedStyle(str(style))
        layer.triggerRepaint()


def style_confidence(layer: QgsRasterLayer) -> None:
    """Colour a confidence raster (percent) from purple (low) to green (high)."""
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

    The parcels, or without any the map, are on top with their legend open. The confidence is below, unticked and
    folded, as both would hide each other. Layers of files that the job has replaced are removed: they would show the
    new pixels with the old legend.

    Parameters
    ----------
    outputs : written files by role.
    name : name of the group and of the map.
    """
    project = project or QgsProject.instance()
    _remove_layers(set(outputs.values()), project)
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
    # Layer trees fold a group that was empty when it was added; only a change opens it.
    group.setExpanded(True)
    return group


def _remove_layers(paths: set[str], project: QgsProject) -> None:
    """Remove the layers of these files, and groups that become empty."""
    root = project.layerTreeRoot()
    for layer in [
        layer for layer in project.mapLayers().values() if layer.source().partition("|layername=")[0] in paths
    ]:
        node = root.findLayer(layer.id())
        group = node.parent() if node is not None else None
        project.removeMapLayer(layer.id())
        if group is not None and group is not root and not group.children():
            group.parent().removeChildNode(group)
