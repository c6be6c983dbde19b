"""'Find imagery' as a person uses it: search, look at the scenes, take some, and see them in the stack."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest
from qgis.core import QgsApplication, QgsAuthMethodConfig
from qgis.PyQt.QtCore import QDate, Qt

from tests.helpers.facts import lacking, numbers
from tests.helpers.stac_server import StacServer, add_sentinel_scene

WAIT = 60_000
EXTENT = (500100.0, 5199600.0, 500400.0, 5199900.0)


@pytest.fixture()
def server(tmp_path):
    """A catalogue of four scenes of 2021, one of them cloudy."""
    folder = tmp_path / "files"
    folder.mkdir()
    server = StacServer(folder).start()
    for number, (date, cloud) in enumerate((("05-01", 5), ("05-11", 80), ("05-21", 20), ("05-31", 0))):
        add_sentinel_scene(server, f"S2A_{number}", f"2021-{date}", cloud=cloud)
    yield server
    server.stop()


@pytest.fixture()
def search_dialog(open_dialog, server, tmp_path, monkeypatch):
    """The dialog of the target, filled in for the server."""
    monkeypatch.setenv("CROPTRANSFER_PYTHON", sys.executable)
    main = open_dialog()
    main.target.stack.find_button.open()
    dialog = main.target.stack.find_button.dialog
    dialog.catalogue_combo.setEditText(server.url)
    dialog.collection_combo.setEditText("sentinel-2-l2a")
    dialog.set_extent(EXTENT, "EPSG:32633")
    dialog.start_edit.setDate(QDate(2021, 4, 1))
    dialog.end_edit.setDate(QDate(2021, 9, 30))
    dialog.folder_file.setFilePath(str(tmp_path / "spring"))
    dialog.main = main
    return dialog


def wait_idle(qtbot, dialog):
    qtbot.waitUntil(lambda: not dialog.is_running(), timeout=WAIT)


def shown(dialog):
    return [[dialog.table.item(row, column).text() for column in range(3)] for row in range(dialog.table.rowCount())]


def test_searches_ticks_and_hands_the_stack_to_the_target(search_dialog, qtbot, tmp_path):
    dialog = search_dialog
    assert not dialog.use_button.isEnabled()
    qtbot.mouseClick(dialog.search_button, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, dialog)
    assert shown(dialog) == [["2021-05-01", "5", "100"], ["2021-05-21", "20", "100"], ["2021-05-31", "0", "100"]]
    assert numbers(dialog.state_label.text())[:2] == ["3", "3"]
    assert not (tmp_path / "spring").exists()

    dialog.table.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    qtbot.mouseClick(dialog.use_button, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, dialog)
    stack = dialog.main.target.stack
    qtbot.waitUntil(lambda: not stack.is_reading(), timeout=WAIT)
    assert [Path(path).name for path in stack.paths()] == ["2021-05-21.vrt", "2021-05-31.vrt"]
    assert {band.date for band in stack.bands()} == {"2021-05-21", "2021-05-31"}
    assert [band.band for band in stack.bands()][:7] == ["B02", "B03", "B04", "B08", "B8A", "B11", "SCL"]
    # The next stack must not overwrite the one that is in use.
    assert dialog.folder_file.filePath() != str(tmp_path / "spring")


def test_a_catalogue_that_fails_is_named_and_nothing_can_be_used(search_dialog, server, qtbot):
    server.fault = "500"
    search_dialog.search()
    wait_idle(qtbot, search_dialog)
    assert not lacking(search_dialog.state_label.text(), server.url, 500)
    assert not search_dialog.use_button.isEnabled() and search_dialog.search_button.isEnabled()


def test_a_wrong_season_is_told_before_anything_is_asked(search_dialog, server):
    search_dialog.end_edit.setDate(QDate(2021, 3, 1))
    search_dialog.search()
    assert not lacking(search_dialog.state_label.text(), "2021-04-01", "2021-03-01")
    assert not search_dialog.is_running() and server.requests == []


def test_a_search_can_be_cancelled(search_dialog, server, qtbot):
    server.fault = "slow"
    search_dialog.search()
    qtbot.waitUntil(lambda: bool(server.searched()), timeout=WAIT)
    qtbot.mouseClick(search_dialog.cancel_button, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, search_dialog)
    assert search_dialog.search_button.isEnabled() and not search_dialog.use_button.isEnabled()
    assert search_dialog.table.rowCount() == 0


def test_credentials_of_qgis_reach_the_server_and_no_file(search_dialog, server, qtbot, tmp_path):
    manager = QgsApplication.authManager()
    manager.setMasterPassword("a word for the test", True)
    config = QgsAuthMethodConfig("Basic")
    config.setName("catalogue of the test")
    config.setConfig("username", "ada")
    config.setConfig("password", "moonshine")
    assert manager.storeAuthenticationConfig(config)
    try:
        server.token = "Basic " + base64.b64encode(b"ada:moonshine").decode()
        dialog = search_dialog
        dialog.auth_select.setConfigId(config.id())
        dialog.fetch_box.setChecked(True)
        dialog.search()
        wait_idle(qtbot, dialog)
        dialog.use()
        wait_idle(qtbot, dialog)
        assert sorted(p.name for p in (tmp_path / "spring").iterdir()) == [
            "2021-05-01.tif",
            "2021-05-21.tif",
            "2021-05-31.tif",
            "search.json",
        ]
        for path in (tmp_path / "spring").iterdir():
            text = path.read_bytes()
            assert b"moonshine" not in text and server.token.encode() not in text
    finally:
        manager.removeAuthenticationConfig(config.id())


def test_an_address_is_remembered_after_a_search_and_can_be_forgotten(search_dialog, server, qtbot):
    from croptransfer.ui.common import settings

    assert not search_dialog.forget_button.isEnabled()
    search_dialog.search()
    wait_idle(qtbot, search_dialog)
    assert server.url in settings.catalogues()
    assert search_dialog.forget_button.isEnabled()
    qtbot.mouseClick(search_dialog.forget_button, Qt.MouseButton.LeftButton)
    assert server.url not in settings.catalogues()
