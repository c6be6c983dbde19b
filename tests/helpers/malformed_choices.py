"""Class tables, label rasters, seasons, quality bands, regular stacks and comparisons that are asked for wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.malformed import NAMES, SIDE, Case, Desk, options
from tests.helpers.malformed_files import job
from tests.helpers.rasters import UTM, write_raster


def asked(**changes: Any) -> Callable[[Desk], list[str]]:
    """A case maker: good files, and something wrong on the command line of ``map``."""
    return lambda desk: desk.map(**changes)


def classified(change: np.ndarray | None = None, **how: Any) -> Callable[[Desk], list[str]]:
    """A case maker: a raster of classes as labels."""

    def make(desk: Desk) -> list[str]:
        planes = np.ones((1, SIDE, SIDE), np.uint8) if change is None else change
        return desk.map(labels=write_raster(desk / "crops.tif", planes, **how), class_field=None)

    return make


def cut_label_raster(desk: Desk) -> list[str]:
    halves = np.repeat([1, 2], SIDE * SIDE // 2).reshape(1, SIDE, SIDE).astype(np.uint8)
    write_raster(desk / "crops.tif", halves)
    return desk.map(labels=desk.cut("crops.tif", 0.6), class_field=None)


def raster_column(desk: Desk) -> list[str]:
    halves = np.repeat([1, 2], SIDE * SIDE // 2).reshape(1, SIDE, SIDE).astype(np.uint8)
    return desk.map(labels=write_raster(desk / "crops.tif", halves), class_field="Klasse")


def class_table_file(desk: Desk) -> list[str]:
    return desk.map(class_table=desk.text("classes.csv", "name,wanted,color\nwheat,cereal,red\n"))


def no_class_table(desk: Desk) -> list[str]:
    return desk.map(class_table=desk / "gone.csv")


def extract(**changes: Any) -> Callable[[Desk], list[str]]:
    """A case maker: ``extract`` with this changed; paths in it lie in the folder of the case."""

    def make(desk: Desk) -> list[str]:
        usual = {"labels": desk / "fields.gpkg", "class_field": "crop", "source": desk / "source.tif"}
        own = {key: desk / str(value) if isinstance(value, Path) else value for key, value in changes.items()}
        return ["extract", *options({**usual, "output": desk.out / "series.npz", **own})]

    return make


def regularize(**changes: Any) -> Callable[[Desk], list[str]]:
    """A case maker: ``regularize`` with this changed; paths in it lie in the folder of the case."""

    def make(desk: Desk) -> list[str]:
        own = {key: desk / str(value) if isinstance(value, Path) else value for key, value in changes.items()}
        return ["regularize", *options({"stack": desk / "target.tif", "output": desk.out / "regular.tif", **own})]

    return make


def regularize_cut(desk: Desk) -> list[str]:
    """Damage that only shows when the first periods are written."""
    return ["regularize", *options({"stack": desk.cut("target.tif", 0.8), "output": desk.out / "regular.tif"})]


def compare(**changes: Any) -> Callable[[Desk], list[str]]:
    """A case maker: ``compare`` with this changed; paths in it lie in the folder of the case."""

    def make(desk: Desk) -> list[str]:
        usual = {"source": desk / "series.npz", "target": desk / "series.npz", "output": desk.out / "scores.json"}
        own = {key: desk / str(value) if isinstance(value, Path) else value for key, value in changes.items()}
        return ["compare", *options({**usual, **own})]

    return make


def splits(content: Any) -> Callable[[Desk], list[str]]:
    """A case maker: ``compare`` on a splits file with this content."""

    def make(desk: Desk) -> list[str]:
        file = desk.text("splits.json", content if isinstance(content, str) else json.dumps(content))
        chosen = {"splits": file, "split": "A_B", "output": desk.out / "scores.json"}
        return ["compare", *options(chosen)]

    return make


def quality_only(desk: Desk) -> list[str]:
    names = tuple(name.replace("RED", "SCL").replace("NIR", "FMASK") for name in NAMES)
    return desk.map(target=desk.stack("clouds.tif", 4.0, names=names))


def clouded(desk: Desk) -> list[str]:
    """Every pixel is hidden by the classes of its scene."""
    scl = np.full((3, SIDE, SIDE), 9, np.uint8)
    names = tuple(f"SCL_{name[4:]}" for name in NAMES[::2])
    return desk.map(target=[desk.stack("season.tif"), write_raster(desk / "scl.tif", scl, names=names)])


FAR = (UTM[0] + 1e6, *UTM[1:])
FLOATS = np.full((1, SIDE, SIDE), 0.5, np.float32)
TWO_BANDS = np.ones((2, SIDE, SIDE), np.uint8)
ONE = {"series.npz": {"A_B": {"src": {"region": ["a"]}, "tgt": {"region": ["b"]}, "classes": ["wheat"]}}}

CHOICES = (
    Case("class table of words", asked(class_table="wheat"), "class-table", ("'wheat'",)),
    Case("class table of an unknown class", asked(class_table="rice=paddy"), "class-unknown", ("'rice'", "fields")),
    Case("class table that leaves out all", asked(class_table="*="), "class-table", ("fields",)),
    Case("class table of two minds", asked(class_table=["wheat=a", "wheat=b"]), "class-table", ("'wheat'", "'a'")),
    Case("class table that leaves one", asked(class_table="*=crop"), "one-class", ("'crop'",)),
    Case("class table of three columns", class_table_file, "class-table", ("classes.csv", "3")),
    Case("class table that is gone", no_class_table, "vector-unreadable", ("gone.csv",)),
    Case("inner buffer below zero", asked(inner_buffer="-5"), "inner-buffer", ("-5",)),
    Case("inner buffer NaN", asked(inner_buffer="nan"), "inner-buffer", ("nan",)),
    Case("inner buffer wider than the fields", asked(inner_buffer="500"), "inner-buffer", ("500 m", "fields")),
    Case("fewer than no pixels of a polygon", asked(per_polygon="-1"), "per-polygon", ("-1",)),
    Case("label raster of one class", classified(), "one-class", ("crops.tif",)),
    Case("label raster of zeros", classified(np.zeros((1, SIDE, SIDE), np.uint8)), "one-class", ("crops.tif",)),
    Case("label raster of reflectance", classified(FLOATS), "label-raster", ("crops.tif",)),
    Case("label raster of two bands", classified(TWO_BANDS), "label-raster", ("crops.tif", "2")),
    Case("label raster far away", classified(transform=FAR), "no-overlap", ("crops.tif", "source.tif")),
    Case("label raster cut off", cut_label_raster, "raster-unreadable", ("crops.tif",)),
    Case("label raster without the column", raster_column, "field-missing", ("crops.tif", "'Klasse'")),
    Case("bands the source lacks", asked(bands="RED,B99"), "bands-differ", ("B99", "RED", "NIR")),
    Case("index that is none", asked(indices="GREENNESS"), "index", ("GREENNESS",)),
    Case("index the bands do not give", asked(indices="NDMI"), "bands-differ", ("NDMI",)),
    Case("quality of an unknown band", asked(quality="CLOUDY=1"), "quality", ("CLOUDY",)),
    Case("quality of an unknown bit", asked(quality="QA_PIXEL=haze"), "quality", ("haze", "QA_PIXEL")),
    Case("quality without values", asked(quality="SCL"), "quality", ("SCL",)),
    Case("quality bands alone", quality_only, "no-stack", ("target", "clouds.tif", "SCL")),
    Case("every pixel clouded", clouded, "target-empty", ("season.tif",)),
    Case("season of one side", asked(target_season_start="10-01"), "season-start", ("target",)),
    Case(
        "season in month 13",
        asked(source_season_start="13-01", target_season_start="10-01"),
        "season-start",
        ("'13-01'",),
    ),
    Case("quality in a job as a text", job(lambda v: v.update(quality={"SCL": "3"})), "job", ("SCL",)),
    Case("indices in a job as a text", job(lambda v: v.update(indices="NDVI")), "job", ("'indices'",)),
    Case(
        "inner buffer in a job as a text",
        job(lambda v: v["labels"].update(inner_buffer="5")),
        "job",
        ("'inner_buffer'",),
    ),
    Case("extract to a picture", extract(output=Path("series.png")), "output-format", ("series.png", ".npz")),
    Case("extract no pixel", extract(per_class="0"), "per-class", ("0",)),
    Case("extract without labels", extract(labels=None, class_field=None), "no-labels", ("source",)),
    Case("extract nothing", extract(labels=None, class_field=None, source=None), "no-source", ()),
    Case("extract and join what is gone", extract(join=Path("gone.npz")), "series-unreadable", ("gone.npz",)),
    Case("extract and join a map", extract(join=Path("target.tif")), "series-unreadable", ("target.tif",)),
    Case("extract over the labels", extract(output=Path("fields.gpkg")), "output-format", ("fields.gpkg",)),
    Case("regularize what is gone", regularize(stack=Path("gone.tif")), "raster-unreadable", ("gone.tif",)),
    Case("regularize what is cut off", regularize_cut, "raster-unreadable", ("7", "target.tif")),
    Case("regularize by weeks", regularize(period="week"), "period", ("week",)),
    Case("regularize by no days", regularize(period="0"), "period", ("0",)),
    Case("regularize backwards", regularize(start="2022-09-01", end="2022-03-01"), "season", ("2022-09-01",)),
    Case(
        "regularize another year",
        regularize(start="2010-01-01", end="2010-12-31"),
        "no-dates",
        ("2010-01-01", "2010-12-31"),
    ),
    Case("regularize from no date", regularize(start="2022-02-30"), "season", ("2022-02-30",)),
    Case("regularize a band that is not there", regularize(bands="B99"), "bands-differ", ("B99",)),
    Case("regularize over the input", regularize(output=Path("target.tif")), "output-is-input", ("target.tif",)),
    Case("regularize to a picture", regularize(output=Path("target.png")), "output-format", ("target.png", ".tif")),
    Case("compare what is gone", compare(target=Path("gone.npz")), "series-unreadable", ("gone.npz",)),
    Case("compare by magic", compare(methods="magic"), "method", ("'magic'",)),
    Case("compare with no seed", compare(seeds="0"), "seeds", ("0",)),
    Case("compare with an oracle of its own kind", compare(oracle="ghca"), "oracle", ("'ghca'",)),
    Case("compare by nothing", compare(source=None, target=None), "no-source", ()),
    Case("compare to the input", compare(output=Path("series.npz")), "output-is-input", ("series.npz",)),
    Case("splits that are no JSON", splits("region: a"), "splits", ("splits.json",)),
    Case("splits without the transfer", splits({"series.npz": {}}), "splits", ("splits.json", "'A_B'")),
    Case("splits of another form", splits({"series.npz": {"A_B": {"src": {}}}}), "splits", ("splits.json", "tgt")),
    Case("splits of regions that are not there", splits(ONE), "series-key", ("series.npz", "'region'")),
)
