"""The plugin in QGIS: loaded, its entries in place, and taken away without a trace."""

from __future__ import annotations

import configparser

from qgis.core import QgsApplication
from qgis.PyQt.QtWidgets import QMainWindow

import croptransfer
from croptransfer.engine import __version__


class Interface:
    """The parts of QgisInterface that the plugin uses."""

    def __init__(self):
        self.window = QMainWindow()
        self.menu, self.toolbar = [], []

    def mainWindow(self):
        return self.window

    def addPluginToRasterMenu(self, name, action):
        self.menu.append(action)

    def removePluginRasterMenu(self, name, action):
        self.menu.remove(action)

    def addToolBarIcon(self, action):
        self.toolbar.append(action)

    def removeToolBarIcon(self, action):
        self.toolbar.remove(action)


def test_loads_opens_its_dialog_and_unloads(qtbot, qgis_app, qgis_new_project, fake_engine):
    fake_engine("map")
    iface = Interface()
    plugin = croptransfer.classFactory(iface)
    plugin.initGui()
    assert len(iface.menu) == 1 and iface.menu[0].text()
    assert iface.toolbar == iface.menu
    assert not iface.menu[0].icon().isNull()
    assert QgsApplication.processingRegistry().algorithmById("croptransfer:transfer") is not None

    iface.menu[0].trigger()
    assert plugin.dialog.isVisible()
    dialog = plugin.dialog
    plugin.open_dialog()
    assert plugin.dialog is dialog

    plugin.unload()
    assert (iface.menu, iface.toolbar, plugin.dialog) == ([], [], None)
    assert QgsApplication.processingRegistry().providerById("croptransfer") is None


def test_the_icon_is_drawn(qgis_app):
    from croptransfer.ui.common.icons import icon

    image = icon("croptransfer").pixmap(64, 64).toImage()
    opaque = sum(image.pixelColor(x, y).alpha() > 0 for x in range(64) for y in range(64))
    assert opaque > 800


def test_metadata_is_what_qgis_and_its_repository_want(plugin_folder):
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(plugin_folder / "metadata.txt", encoding="utf-8")
    general = metadata["general"]
    assert general["version"] == __version__
    assert (general["qgisMinimumVersion"], general["qgisMaximumVersion"]) == ("3.22", "4.99")
    assert general["hasProcessingProvider"] == "yes"
    needed = "name description about author email tracker repository homepage changelog icon category".split()
    assert [key for key in needed if not general.get(key)] == []
    assert (plugin_folder / general["icon"]).exists()
