"""The dialog of a QGIS in this process, on a small scene."""

from __future__ import annotations

import pytest
from qgis.core import QgsProject, QgsSettings, QgsVectorLayer

from tests.helpers.scenes import make_scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """Source, target and fields of 24 x 24 pixels."""
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture()
def fresh_settings(qgis_app):
    """No remembered settings of Crop Transfer, before and after."""
    QgsSettings().remove("croptransfer")
    yield
    QgsSettings().remove("croptransfer")


@pytest.fixture()
def open_dialog(qtbot, qgis_iface, qgis_new_project, fresh_settings):
    """A function that opens the dialog."""
    from croptransfer.ui.transfer.dialog import TransferDialog

    dialogs = []

    def opened():
        dialog = TransferDialog(qgis_iface)
        dialogs.append(dialog)
        dialog.show()
        qtbot.waitExposed(dialog)
        return dialog

    yield opened
    for dialog in dialogs:
        dialog.shut_down()
        dialog.close()
        dialog.deleteLater()


@pytest.fixture()
def filled_dialog(open_dialog, scene, tmp_path, qtbot):
    """A function that opens the dialog and fills in the scene."""

    def filled():
        layer = QgsVectorLayer(str(scene.labels), "fields", "ogr")
        QgsProject.instance().addMapLayer(layer)
        dialog = open_dialog()
        dialog.source.labels.layer_combo.setLayer(layer)
        dialog.source.stack.add_paths([str(scene.source)])
        dialog.target.stack.add_paths([str(scene.target)])
        (tmp_path / "out").mkdir(exist_ok=True)
        dialog.output.set_map_path(str(tmp_path / "out" / "crops.tif"))
        return dialog

    return filled
