"""A QGIS that loads the plugin, fills in the dialog and maps a target has never seen torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.scenes import make_scene

pytestmark = pytest.mark.slow

SESSION = r"""
import json, os, sys, time
sys.path[:0] = [sys.argv[1], "/usr/share/qgis/python/plugins"]
from qgis.core import QgsApplication, QgsProject, QgsVectorLayer
from qgis.PyQt.QtWidgets import QApplication
app = QgsApplication([], True)
app.initQgis()
import croptransfer
from croptransfer.ui.transfer.dialog import TransferDialog
plugin = croptransfer.classFactory(None)
plugin.initProcessing()
algorithms = [a.id() for a in plugin.provider.algorithms()]

def wait(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        app.processEvents()
        time.sleep(0.01)

source, target, labels, output = sys.argv[2:6]
layer = QgsVectorLayer(labels, "fields", "ogr")
QgsProject.instance().addMapLayer(layer)
dialog = TransferDialog()
dialog.show()
dialog.source.labels.layer_combo.setLayer(layer)
dialog.source.labels.set_field("crop")
dialog.source.stack.add_paths([source])
dialog.target.stack.add_paths([target])
dialog.output.set_map_path(output)
wait(dialog.run_button.isEnabled)
dialog.run()
wait(lambda: not dialog.is_running())
problems = [dialog.panel.problems.item(i).text() for i in range(dialog.panel.problems.count())]
layers = [l.name() for l in QgsProject.instance().mapLayers().values()]
loaded = sorted({name.split(".")[0] for name in sys.modules} & {"torch", "safetensors"})
print(json.dumps({"algorithms": algorithms, "layers": layers, "loaded": loaded, "problems": problems,
                  "state": dialog.panel.state.text()}))
sys.stdout.flush()
dialog.shut_down()
os._exit(0)
"""


def test_a_whole_session_never_imports_torch(tmp_path, quick_engine):
    scene = make_scene(tmp_path / "scene")
    script = tmp_path / "session.py"
    script.write_text(SESSION)
    output = tmp_path / "crops.tif"
    done = subprocess.run(
        [sys.executable, str(script), str(ROOT / ".build" / "plugins")]
        + [str(path) for path in (scene.source, scene.target, scene.labels, output)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
    )
    answer = json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else done.stderr
    assert output.exists(), answer
    assert "crops" in answer["layers"]
    assert "croptransfer:transfer" in answer["algorithms"]
    assert answer["loaded"] == []
