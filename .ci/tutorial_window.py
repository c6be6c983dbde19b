"""Runs inside QGIS for tutorial.py: fills in the window as the tutorial says, runs the job, takes the pictures.

Settings come from the environment: TUTORIAL_SCENE, TUTORIAL_OUTPUT, TUTORIAL_METHOD.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsContrastEnhancement,
    QgsProject,
    QgsRasterLayer,
    QgsRasterMinMaxOrigin,
    QgsRendererCategory,
    QgsSymbol,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QDockWidget, QMainWindow, QWidget
from qgis.utils import iface, plugins

from croptransfer.engine.imagery import class_colors

SCENE, OUTPUT = Path(os.environ["TUTORIAL_SCENE"]), Path(os.environ["TUTORIAL_OUTPUT"])
RED_GREEN_BLUE = (93, 92, 91)
"""Bands of a date in summer."""
INTERVAL = 250
"""Milliseconds between two looks at a condition."""
LIMIT = 1700
"""Seconds to wait for a condition."""


def picture(widget: QWidget, name: str) -> None:
    """Save what a widget shows."""
    if not widget.grab().save(str(OUTPUT / "pictures" / f"{name}.png")):
        raise OSError(f"The picture {name} was not written.")


def tidy(window: QMainWindow) -> None:
    """Leave the map and the layers in the window, at a fixed size."""
    for dock in window.findChildren(QDockWidget):
        dock.setVisible(dock.objectName() == "Layers")
    window.showNormal()
    window.resize(1280, 800)


def load_source() -> QgsVectorLayer:
    """The labelled scene as layers of the project, in natural colours."""
    project = QgsProject.instance()
    source = QgsRasterLayer(str(SCENE / "source.tif"), "source")
    renderer = source.renderer().clone()
    if hasattr(renderer, "setRedBand"):
        for band, choose in zip(RED_GREEN_BLUE, (renderer.setRedBand, renderer.setGreenBand, renderer.setBlueBand)):
            choose(band)
        source.setRenderer(renderer)
        source.setContrastEnhancement(
            QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum,
            QgsRasterMinMaxOrigin.Limits.CumulativeCut,
        )
    fields = QgsVectorLayer(str(SCENE / "fields.gpkg"), "fields")
    names = sorted(name for name in fields.uniqueValues(fields.fields().indexOf("crop")) if name)
    categories = []
    for name, color in zip(names, class_colors(names)):
        symbol = QgsSymbol.defaultSymbol(fields.geometryType())
        symbol.setColor(QColor(*color))
        categories.append(QgsRendererCategory(name, symbol, name))
    fields.setRenderer(QgsCategorizedSymbolRenderer("crop", categories))
    project.addMapLayers([fields, source])
    project.setCrs(source.crs())
    iface.mapCanvas().setExtent(source.extent())
    return fields


def drawn() -> bool:
    """Whether the map shows all that it should."""
    return not iface.mapCanvas().isDrawing()


def steps() -> Iterator[Callable[[], bool]]:
    """The tutorial, step by step; yields a condition to wait for."""
    window = iface.mainWindow()
    tidy(window)
    yield lambda: "croptransfer" in plugins and window.isVisible()
    fields = load_source()
    yield drawn
    picture(window, "start")

    plugin = plugins["croptransfer"]
    plugin.action.trigger()
    dialog = plugin.dialog
    dialog.source.labels.layer_combo.setLayer(fields)
    dialog.source.stack.add_paths([str(SCENE / "source.tif")])
    yield lambda: dialog.source.labels.field() == "crop" and bool(dialog.source.stack.bands())
    dialog.target.stack.add_paths([str(SCENE / "target.tif")])
    dialog.target.set_mask(str(SCENE / "target_mask.tif"))
    dialog.output.set_map_path(str(OUTPUT / "crop_map.tif"))
    dialog.output.set_method(os.environ["TUTORIAL_METHOD"])
    yield dialog.run_button.isEnabled
    for number, name in enumerate(("source", "target", "compatibility", "output")):
        dialog.form.setCurrentIndex(number)
        QTest.qWait(500)
        yield dialog.run_button.isEnabled
        picture(dialog, name)

    QTest.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    yield lambda: dialog.panel.bar.value() >= 300 or not dialog.is_running()
    picture(dialog, "running")
    yield lambda: not dialog.is_running()
    if not (OUTPUT / "crop_map.tif").exists():
        raise RuntimeError(dialog.log.toPlainText())
    dialog.close()

    root = QgsProject.instance().layerTreeRoot()
    group = root.children()[0]
    for node in root.findLayers():
        if node.parent() is not group:
            node.setItemVisibilityChecked(False)
            node.setExpanded(False)
    crops, confidence = group.findLayers()
    QgsProject.instance().setCrs(crops.layer().crs())
    iface.setActiveLayer(crops.layer())
    iface.zoomToActiveLayer()
    # The message bar covers the upper edge.
    iface.mapCanvas().zoomByFactor(1.2)
    QTest.qWait(500)
    yield drawn
    picture(window, "qgis")
    crops.setItemVisibilityChecked(False)
    confidence.setItemVisibilityChecked(True)
    confidence.setExpanded(True)
    QTest.qWait(500)
    yield drawn
    picture(window, "confidence")
    (OUTPUT / "pictures" / "done").touch()


class Director:
    """Runs the steps while QGIS handles its events, and ends QGIS."""

    def __init__(self) -> None:
        self.steps = steps()
        self.condition: Callable[[], bool] = lambda: True
        self.waited = 0.0
        self.timer = QTimer()
        self.timer.setInterval(INTERVAL)
        self.timer.timeout.connect(self.look)
        self.timer.start()

    def look(self) -> None:
        """Take the next step if its condition holds."""
        self.timer.stop()
        self.waited += INTERVAL / 1000
        try:
            if self.condition():
                self.condition, self.waited = next(self.steps), 0.0
            elif self.waited > LIMIT:
                raise TimeoutError("A step of the tutorial did not finish.")
        except StopIteration:
            # Layers that outlive QGIS crash it: leave without tearing down.
            os._exit(0)
        except Exception:
            traceback.print_exc()
            os._exit(1)
        self.timer.start()


# The plugin keeps the reference after QGIS has run this file.
plugins["croptransfer"].tutorial = Director()
