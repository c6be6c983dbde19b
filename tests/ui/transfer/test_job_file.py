"""What is filled in, kept as a job file and shown again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from qgis.PyQt.QtCore import QDate, Qt

from croptransfer.engine.errors import InputError
from croptransfer.engine.tasks import Job
from croptransfer.ui.labels.class_table import WANTED
from croptransfer.ui.transfer.job_file import read_job, save_job

WAIT = 30_000


def ready(qtbot, dialog):
    qtbot.waitUntil(dialog.run_button.isEnabled, timeout=WAIT)
    return dialog.job()


def test_a_job_that_was_saved_fills_the_form_as_it_was(filled_dialog, open_dialog, fake_engine, qtbot, tmp_path):
    fake_engine("map")
    first = filled_dialog()
    ready(qtbot, first)
    crops = first.source.labels.classes.model
    crops.setData(crops.index(crops.names().index("wheat"), WANTED), "cereal")
    first.source.labels.buffer_box.setValue(12)
    first.source.stack.model.setData(first.source.stack.model.index(0, 2), "2021-03-02")
    first.source.stack.model.setData(first.source.stack.model.index(1, 2), "2021-03-02")
    first.compatibility.season_box.setChecked(True)
    first.compatibility.target_start.setDate(QDate(2001, 2, 1))
    first.compatibility.indices_combo.setCheckedItems(["NDVI"])
    first.output.seed_box.setValue(5)
    first.output.report_box.setChecked(False)
    ready(qtbot, first)
    (item,) = first.compatibility.tree.findItems("RED", Qt.MatchFlag.MatchExactly)
    item.setCheckState(0, Qt.CheckState.Unchecked)
    job = ready(qtbot, first)
    assert (job.bands, job.indices, job.labels.classes) == (("NIR",), ("NDVI",), {"wheat": "cereal"})
    path = tmp_path / "job.json"
    save_job(job, str(path))

    second = open_dialog()
    second.form.show_job(read_job(str(path)))
    again = ready(qtbot, second)
    assert replace(again, id=job.id) == job


def test_labels_that_are_only_a_copy_are_kept_beside_the_job(filled_dialog, fake_engine, qtbot, tmp_path):
    fake_engine("map")
    dialog = filled_dialog()
    layer = dialog.source.labels.layer()
    layer.startEditing()
    layer.changeAttributeValue(1, layer.fields().lookupField("crop"), "rye")
    job = ready(qtbot, dialog)
    assert job.labels.path.startswith(dialog.form._folder.name)
    path = tmp_path / "job.json"
    save_job(job, str(path))
    layer.rollBack()
    assert json.loads(path.read_text())["labels"]["path"] == str(tmp_path / "job_labels.gpkg")
    assert (tmp_path / "job_labels.gpkg").is_file()
    assert not list(tmp_path.glob("*.part"))


def test_a_job_with_what_the_dialog_does_not_have_is_refused(tmp_path):
    path = Path(tmp_path / "job.json")
    path.write_text(Job(output="map.tif", target=(), use_model="model.safetensors").to_json())
    with pytest.raises(InputError) as refused:
        read_job(str(path))
    assert refused.value.code == "job" and path.name in refused.value.message
