"""Every kind of task to JSON and back, wrong values by their key, and the limits of settings."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from engine.errors import InputError
from engine.imagery import LabelLayer, StackBand
from engine.imagery.geo.types import Encoding
from engine.tasks import Comparison, Extraction, Job, Regularization
from engine.tasks.specs.limits import LARGEST_SEED
from engine.tasks.specs.schema import setting_problems
from engine.tasks.specs.search import Search

BANDS = (StackBand("a b.tif", 1, "2021-01-02", "B04"), StackBand("ü.tif", 2, None, None))
ENCODING = Encoding("none", 0.5)
LABELS = LabelLayer("f.gpkg", "", "crop", "", 12.5, 7, {"maïs": "maize", "*": ""})
TASKS = {
    "job": Job(
        "m.tif",
        BANDS,
        LABELS,
        BANDS,
        source_encoding=ENCODING,
        series_part={"year": [2019]},
        quality={"SCL": [3, "cloud"]},
        memory=500,
    ),
    "comparison": Comparison("r.json", "a.npz", "b.npz", seeds=(4, 5), options={"ghca.rounds": 1}),
    "extraction": Extraction("e.npz", LABELS, BANDS, {"SCL": [3]}, ("x.npz",), 5, 7),
    "regularization": Regularization("o.tif", BANDS, "month", smoothness=2.5, fill="whittaker"),
    "search": Search("https://a", ("c",), (0.0, 1.0, 2.5, 3.0), "2020-01-01", "2020-02-01", scenes=("x",), fetch=True),
}


@pytest.fixture(params=TASKS.values(), ids=TASKS)
def task(request):
    return request.param


def changed(task, **values):
    return json.dumps({**json.loads(task.to_json()), **values})


def test_every_task_survives_its_json(task):
    assert type(task).from_json(task.to_json()) == task
    assert type(task).from_json(task.to_json(indent=1)) == task
    head = list(json.loads(task.to_json()))
    assert head[:2] == (["version", "output"] if task.KIND == "" else ["kind", "version"])


def test_what_is_left_out_has_its_default():
    assert Job.from_json('{"output": "m.tif", "target": [], "id": "1"}') == Job("m.tif", (), id="1")
    # The options of the command may give the target of a job file.
    assert Job.from_json('{"output": "m.tif"}').target == ()


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"id": "../x"}, "id"),
        ({"id": 5}, "id"),
        ({"version": 2}, "version"),
        ({"kind": "elsewhere"}, "kind"),
        ({"colour": "red"}, "colour"),
        ({"output": "a\0b"}, "output"),
        ({"output": "\ud800"}, "output"),
        ({"output": None}, "output"),
    ],
)
def test_a_wrong_value_of_any_task_is_named(task, values, key):
    with pytest.raises(InputError, match=key) as caught:
        type(task).from_json(changed(task, **values))
    assert caught.value.code == "job" and task.DOCUMENT in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "values", "key"),
    [
        ("job", {"seed": True}, "seed"),
        ("job", {"exact": 1}, "exact"),
        ("job", {"quality": {"SCL": 3}}, "SCL"),
        ("job", {"series_part": {"year": 2019}}, "year"),
        ("job", {"target": [{"path": "t.tif", "index": "1", "date": None, "band": None}]}, "index"),
        ("job", {"target": [{"path": "t.tif"}]}, "index"),
        ("job", {"labels": {"path": "f", "layer": "", "field": "", "inner_buffer": 10**400}}, "int"),
        ("comparison", {"seeds": [1.5]}, "seeds"),
        ("extraction", {"join": [1]}, "join"),
        ("regularization", {"smoothness": "3"}, "smoothness"),
        ("search", {"bbox": [0, 0, 1]}, "bbox"),
        ("search", {"bbox": [0, 0, 1, "1"]}, "bbox"),
    ],
)
def test_a_wrong_value_is_named(kind, values, key):
    with pytest.raises(InputError, match=key) as caught:
        type(TASKS[kind]).from_json(changed(TASKS[kind], **values))
    assert caught.value.code == "job"


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"job"', "[" * 100_000])
def test_text_that_is_no_object_is_refused(task, text):
    with pytest.raises(InputError) as caught:
        type(task).from_json(text)
    assert caught.value.code == "job"


@pytest.mark.parametrize(
    ("kind", "values", "codes"),
    [
        ("job", {}, []),
        ("job", {"seed": LARGEST_SEED, "memory": 0}, []),
        ("job", {"seed": LARGEST_SEED + 1, "memory": 255, "workers": -1}, ["seed", "memory", "workers"]),
        ("job", {"parcel_reading": "mode"}, ["parcel-reading"]),
        ("job", {"source_encoding": Encoding("none", 2.0), "target_encoding": Encoding("-9999", None, 1.0)}, []),
        ("job", {"source_encoding": Encoding(scale=0.0), "target_encoding": Encoding("x")}, ["encoding"] * 2),
        ("extraction", {"encoding": Encoding(offset=math.inf)}, ["encoding"]),
        ("regularization", {"encoding": Encoding("nan")}, ["encoding"]),
        ("comparison", {"seeds": (0, -1, -2), "workers": -1}, ["seed", "seed", "workers"]),
        ("extraction", {"per_class": 0, "seed": -1}, ["per-class", "seed"]),
        ("regularization", {"method": "mode", "fill": "x", "ends": "x"}, ["method", "fill", "ends"]),
        ("regularization", {"data_type": "int64"}, ["data-type"]),
        ("regularization", {"smoothness": 0.0}, ["smoothness"]),
        ("regularization", {"smoothness": float("nan")}, ["smoothness"]),
        ("regularization", {"smoothness": float("inf")}, ["smoothness"]),
        ("regularization", {"smoothness": None}, []),
    ],
)
def test_settings_out_of_their_limits_are_found(kind, values, codes):
    assert sorted(p.code for p in setting_problems(replace(TASKS[kind], **values))) == sorted(codes)
