"""Series files, models, masks, places to write to, job files and options that are wrong."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from engine.imagery import describe
from engine.series import read_series, write_series
from engine.tasks import Job, LabelLayer
from tests.helpers.malformed import SIDE, Case, Desk, series_fields
from tests.helpers.rasters import box, point, write_layer, write_raster

Fields = dict[str, Any]


def series(change: Callable[[Fields], Any], **asked: Any) -> Callable[[Desk], list[str]]:
    """A case maker: a series file with its keys changed, as source."""

    def make(desk: Desk) -> list[str]:
        fields = series_fields(read_series(desk / "series.npz"))
        change(fields)
        np.savez(desk / "odd.npz", **fields)
        return desk.map_series(series=desk / "odd.npz", **asked)

    return make


def put(**values: Any) -> Callable[[Fields], Any]:
    """A change: these keys get these values, or what a function makes of the good one."""

    def change(fields: Fields) -> None:
        for key, value in values.items():
            fields[key] = value(fields[key]) if callable(value) else value

    return change


def without(*keys: str) -> Callable[[Fields], Any]:
    """A change: these keys are left out."""
    return lambda fields: [fields.pop(key) for key in keys]


def unseen(fields: Fields) -> None:
    fields["X"] = np.where((fields["y"] == 1)[:, None, None], np.nan, fields["X"])


def no_series(desk: Desk) -> list[str]:
    return desk.map_series(series=desk / "gone.npz")


def cut_series(desk: Desk) -> list[str]:
    return desk.map_series(series=desk.cut("series.npz"))


def damaged_series(desk: Desk) -> list[str]:
    content = bytearray((desk / "series.npz").read_bytes())
    content[200:1200] = bytes([255]) * 1000
    return desk.map_series(series=desk.text("series.npz", bytes(content)))


def lying_series(desk: Desk) -> list[str]:
    """The header of X asks for more numbers than any memory holds."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 100000, 1000), }"
    fields = series_fields(read_series(desk / "series.npz"))
    del fields["X"]
    np.savez(desk / "odd.npz", **fields)
    with zipfile.ZipFile(desk / "odd.npz", "a") as archive:
        archive.writestr("X.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n")
    return desk.map_series(series=desk / "odd.npz")


def text_series(desk: Desk) -> list[str]:
    return desk.map_series(series=desk.text("series.npz", "X, doy, bands\n"))


def single_array(desk: Desk) -> list[str]:
    np.save(desk / "array.npy", np.zeros((3, 4, 2)))
    return desk.map_series(series=desk / "array.npy")


def no_such_class(desk: Desk) -> list[str]:
    return desk.map_series(series=desk / "series.npz", classes=["wheat", "rice"])


def part_of_no_region(desk: Desk) -> list[str]:
    return desk.map_series(series=desk / "series.npz", region="north")


def two_sources(desk: Desk) -> list[str]:
    return desk.map(series=desk / "series.npz")


def model(change: Callable[[bytes, int], bytes]) -> Callable[[Desk], list[str]]:
    """A case maker: a model file whose bytes are changed; the function gets the length of its JSON as well."""

    def make(desk: Desk) -> list[str]:
        content = (desk / "model.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        return desk.classify(model=desk.text("odd.safetensors", change(content, length)))

    return make


def metadata(change: Callable[[dict[str, Any]], Any]) -> Callable[[Desk], list[str]]:
    """A case maker: a model file with its description changed."""

    def spoil(content: bytes, length: int) -> bytes:
        header = json.loads(content[8 : 8 + length])
        described = header["__metadata__"]
        key = next(key for key, text in described.items() if text.startswith("{"))
        inner = json.loads(described[key])
        change(inner)
        described[key] = json.dumps(inner)
        new = json.dumps(header).encode()
        return struct.pack("<Q", len(new)) + new + content[8 + length :]

    return model(spoil)


def joined_units(factor: float) -> Callable[[Desk], list[str]]:
    """A case maker: the series of the scene joined with themselves in another unit."""

    def make(desk: Desk) -> list[str]:
        series = read_series(desk / "series.npz")
        write_series(desk / "other.npz", replace(series, values=series.values * np.float32(factor)))
        files = str(desk / "series.npz"), str(desk / "other.npz")
        return ["extract", "--join", *files, "--output", str(desk.out / "joined.npz")]

    return make


def no_model(desk: Desk) -> list[str]:
    return desk.classify(model=desk / "gone.safetensors")


def folder_as_model(desk: Desk) -> list[str]:
    (desk / "models").mkdir()
    return desk.classify(model=desk / "models")


def model_of_other_bands(desk: Desk) -> list[str]:
    names = tuple(f"NDVI_{date}" for date in ("2022-04-01", "2022-06-01"))
    planes = np.full((2, SIDE, SIDE), 0.5, np.float32)
    return desk.classify(target=write_raster(desk / "ndvi.tif", planes, names=names))


def mask(features: list[tuple[str | None, str | None]], **how: Any) -> Callable[[Desk], list[str]]:
    """A case maker: a layer with these features as mask."""
    return lambda desk: desk.map(mask=write_layer(desk / "area.gpkg", features, **how))


def no_mask(desk: Desk) -> list[str]:
    return desk.map(mask=desk / "gone.gpkg")


def cut_mask(desk: Desk) -> list[str]:
    write_raster(desk / "mask.tif", np.ones((1, SIDE, SIDE), np.uint8))
    return desk.map(mask=desk.cut("mask.tif", 0.3))


def empty_mask(desk: Desk) -> list[str]:
    return desk.map(mask=write_raster(desk / "mask.tif", np.zeros((1, SIDE, SIDE), np.uint8)))


def empty_mask_for_a_model(desk: Desk) -> list[str]:
    return desk.classify(mask=write_raster(desk / "mask.tif", np.zeros((1, SIDE, SIDE), np.uint8)))


def mask_elsewhere(desk: Desk) -> list[str]:
    return desk.map(mask=write_raster(desk / "mask.tif", np.ones((1, SIDE, SIDE), np.uint8), epsg=32733))


def mask_without_place(desk: Desk) -> list[str]:
    from osgeo import gdal

    out = gdal.GetDriverByName("GTiff").Create(str(desk / "mask.tif"), SIDE, SIDE, 1)
    out.GetRasterBand(1).Fill(1)
    out = None
    return desk.map(mask=desk / "mask.tif")


def places(**changes: str) -> Callable[[Desk], list[str]]:
    """A case maker: outputs at these places below the folder of the case."""
    return lambda desk: desk.map(**{role: desk.path.parent / place for role, place in changes.items()})


def output_in_a_file(desk: Desk) -> list[str]:
    return desk.map(output=desk / "target.tif" / "map.tif")


def job(change: Callable[[dict[str, Any]], Any]) -> Callable[[Desk], list[str]]:
    """A case maker: a job file that is good but for this change."""

    def make(desk: Desk) -> list[str]:
        good = Job(
            output=str(desk.out / "map.tif"),
            labels=LabelLayer(str(desk / "fields.gpkg"), "", "crop"),
            source=describe([str(desk / "source.tif")]),
            target=describe([str(desk / "target.tif")]),
            method="source_only",
            options={"steps_scale": 0.01},
        )
        values = json.loads(good.to_json())
        change(values)
        return ["map", "--job", str(desk.text("job.json", json.dumps(values)))]

    return make


def job_text(content: str | bytes) -> Callable[[Desk], list[str]]:
    """A case maker: a job file with this content."""
    return lambda desk: ["map", "--job", str(desk.text("job.json", content))]


def no_job(desk: Desk) -> list[str]:
    return ["map", "--job", str(desk / "gone.json")]


def asked(**changes: Any) -> Callable[[Desk], list[str]]:
    """A case maker: good files, and something wrong on the command line."""
    return lambda desk: desk.map(**changes)


def option(*pairs: str) -> Callable[[Desk], list[str]]:
    """A case maker: settings of the method."""
    return lambda desk: [*desk.map(), *(word for pair in pairs for word in ("--option", pair))]


def no_target(desk: Desk) -> list[str]:
    return ["map", "--output", str(desk.out / "map.tif")]


UNREADABLE = ("series-unreadable", ("series.npz",))
SHAPE = "series-shape"
OUTSIDE = ("model-unreadable", ("odd.safetensors",))
SQUARE, FAR = box(0, 0, 9, 9), box(9000, 0, 9, 9)

FILES = (
    Case("series file that is gone", no_series, "series-unreadable", ("gone.npz",)),
    Case("series file cut off", cut_series, *UNREADABLE),
    Case("series file damaged", damaged_series, *UNREADABLE),
    Case("text named npz", text_series, *UNREADABLE),
    Case("single array", single_array, "series-unreadable", ("array.npy",)),
    Case("pickled names", series(put(bands=lambda b: b.astype(object))), "series-unreadable", ("odd.npz",)),
    Case("series in two dimensions", series(put(X=lambda x: x[:, :, 0])), SHAPE, ("X", "odd.npz")),
    Case("series of text", series(put(X=lambda x: x.astype("U8"))), SHAPE, ("X", "odd.npz")),
    Case("one day too few", series(put(doy=lambda d: d[:-1])), SHAPE, ("'doy'", "odd.npz")),
    Case("one band name too many", series(put(bands=["RED", "NIR", "SWIR"])), SHAPE, ("'bands'", "odd.npz")),
    Case("one label too few", series(put(y=lambda y: y[:-1])), SHAPE, ("'y'", "odd.npz")),
    Case("one band twice", series(put(bands=["RED", "RED"])), SHAPE, ("RED", "odd.npz")),
    Case("days of text", series(put(doy=lambda d: d.astype("U8"))), SHAPE, ("'doy'", "odd.npz")),
    Case("days not in order", series(put(doy=lambda d: d[::-1])), SHAPE, ("odd.npz", "260", "280")),
    Case("two days swapped", series(put(doy=lambda d: d[[1, 0, *range(2, len(d))]])), SHAPE, ("odd.npz", "60", "80")),
    Case("one day twice", series(put(doy=lambda d: d[[0, 0, *range(2, len(d))]])), SHAPE, ("odd.npz", "60")),
    Case("day 900", series(put(doy=lambda d: np.append(d[:-1], 900))), SHAPE, ("'doy'", "odd.npz", "900")),
    Case("day NaN", series(put(doy=lambda d: np.append(d[:-1], np.nan))), SHAPE, ("'doy'", "odd.npz")),
    Case("dates of words", series(put(dates=np.array(["spring"] * 12))), SHAPE, ("odd.npz", "spring")),
    Case("label outside the names", series(put(y=lambda y: y + 1)), SHAPE, ("y", "odd.npz", "3")),
    Case("label below zero", series(put(y=lambda y: y - 1)), SHAPE, ("y", "odd.npz", "3")),
    Case("label one and a half", series(put(y=lambda y: y + 0.5)), SHAPE, ("'y'", "odd.npz")),
    Case("label NaN", series(put(y=lambda y: np.full(len(y), np.nan))), SHAPE, ("'y'", "odd.npz")),
    Case("class names alike", series(put(class_names=["maize", "wheat", "wheat"])), SHAPE, ("wheat", "odd.npz")),
    Case("no bands in the series", series(without("bands")), "series-key", ("'bands'", "odd.npz")),
    Case("no days in the series", series(without("doy")), "series-key", ("'doy'", "odd.npz")),
    Case("no values in the series", series(without("X")), "series-key", ("'X'", "odd.npz")),
    Case("no class names", series(without("class_names")), "series-key", ("'class_names'", "odd.npz")),
    Case("no labels in the series", series(without("y", "class_names")), "no-labels", ("odd.npz",)),
    Case("one class in the series", series(put(y=lambda y: y * 0)), "one-class", ("odd.npz",)),
    Case("class that was never seen", series(unseen), "few-samples", ("'rapeseed'", "odd.npz")),
    Case("series of NaN", series(put(X=lambda x: x * np.nan)), "one-class", ("odd.npz",)),
    Case("series of infinity", series(put(X=lambda x: x * 0 + np.inf)), "one-class", ("odd.npz",)),
    Case("no series", series(put(X=lambda x: x[:0], y=lambda y: y[:0])), "series-empty", ("odd.npz",)),
    Case("series that claims to be a planet", lying_series, "series-unreadable", ("odd.npz",)),
    Case("series without dates", series(put(X=lambda x: x[:, :0], doy=lambda d: d[:0])), SHAPE, ("odd.npz",)),
    Case("series without bands", series(put(X=lambda x: x[:, :, :0], bands=np.array([], "U3"))), SHAPE, ("odd.npz",)),
    Case("bands the target lacks", series(put(bands=["RED", "SWIR1"])), "bands-differ", ("SWIR1",)),
    Case("class the series lacks", no_such_class, "series-class", ("series.npz", "'rice'")),
    Case("region the series lacks", part_of_no_region, "series-key", ("series.npz", "'region'")),
    Case("series and labels", two_sources, "two-sources", ()),
    Case("model that is gone", no_model, "model-unreadable", ("gone.safetensors",)),
    Case("folder as model", folder_as_model, "model-unreadable", ("models",)),
    Case("model cut off", model(lambda content, length: content[: len(content) // 2]), *OUTSIDE),
    Case("model cut off in its description", model(lambda content, length: content[: length // 2]), *OUTSIDE),
    Case("model of no bytes", model(lambda content, length: b""), *OUTSIDE),
    Case("model of another program", model(lambda content, length: struct.pack("<Q", 2) + b"{}"), *OUTSIDE),
    Case("model whose description claims too much", model(lambda c, n: struct.pack("<Q", 2**60) + c[8:]), *OUTSIDE),
    Case("model without classes", metadata(lambda inner: inner.pop("classes")), *OUTSIDE),
    Case("model with a class too many", metadata(lambda inner: inner["classes"].append("rice")), *OUTSIDE),
    Case("model with NaN statistics", metadata(lambda inner: inner.update(mean=[float("nan")] * 2)), *OUTSIDE),
    Case(
        "model whose magnitudes are a word", metadata(lambda inner: inner.update(magnitudes={"RED": "big"})), *OUTSIDE
    ),
    Case("model with too few magnitudes", metadata(lambda inner: inner.update(magnitudes={"RED": [0.1]})), *OUTSIDE),
    Case("model whose magnitudes are a list", metadata(lambda inner: inner.update(magnitudes=[0.1, 0.2])), *OUTSIDE),
    Case("series joined with percent", joined_units(100), "units-differ", ("other.npz", "series.npz")),
    Case("series joined with numbers times 10000", joined_units(10_000), "units-differ", ("other.npz", "series.npz")),
    Case("model of an unknown network", metadata(lambda inner: inner.update(network="oracle")), *OUTSIDE),
    Case("model with too wide a network", metadata(lambda inner: inner["size"].update(width=2**20)), *OUTSIDE),
    Case("target lacks the model's bands", model_of_other_bands, "bands-differ", ("model.safetensors", "RED", "NIR")),
    Case("mask that is gone", no_mask, "mask-unreadable", ("gone.gpkg",)),
    Case("mask cut off", cut_mask, "mask-unreadable", ("mask.tif",)),
    Case("mask without features", mask([]), "mask-geometry", ("area.gpkg",)),
    Case("mask of points", mask([("a", point(3, 3))]), "mask-geometry", ("area.gpkg",)),
    Case("mask far away", mask([("a", FAR)]), "mask-no-overlap", ("area.gpkg",)),
    Case("mask in another zone", mask_elsewhere, "mask-no-overlap", ("mask.tif",)),
    Case("mask without a place", mask_without_place, "no-georeference", ("mask.tif",)),
    Case("mask of zeros", empty_mask, "mask-empty", ("mask.tif", "target.tif")),
    Case("mask of zeros for a model", empty_mask_for_a_model, "mask-empty", ("mask.tif", "target.tif")),
    Case("output folder that is not there", places(output="new/map.tif"), "output-folder", ("new",)),
    Case("output is a folder", places(output="written"), "output-format", ("written",)),
    Case("report is a folder", places(report="written"), "output-folder", ("written",)),
    Case("output inside a file", output_in_a_file, "output-folder", ("target.tif",)),
    Case("map is a picture", places(output="written/map.jpg"), "output-format", ("map.jpg", ".tif")),
    Case("confidence is a picture", places(confidence="written/sure.png"), "output-format", ("sure.png", ".tif")),
    Case("map over the target", places(output="given/target.tif"), "output-is-input", ("target.tif",)),
    Case("model over the labels", places(model="given/fields.gpkg"), "output-is-input", ("fields.gpkg",)),
    Case("report over the map", places(report="written/map.tif"), "same-output", ("map.tif",)),
    Case("name of 260 letters", places(output=f"written/{'m' * 260}.tif"), "output-name", ("m" * 20,)),
    Case("name that leaves no room", places(report=f"written/{'m' * 240}.html"), "output-name", ("m" * 20,)),
    Case("name in no alphabet", places(output="written/gr\udcf6n.tif"), "output-name", ("UTF-8",)),
    Case("place nobody can write to", asked(output="/proc/map.tif"), "output-folder", ("/proc",)),
    Case("job file that is gone", no_job, "job", ("gone.json",)),
    Case("job file of no bytes", job_text(""), "job", ("docs/jobs.md",)),
    Case("job file that is no JSON", job_text("output: map.tif"), "job", ("docs/jobs.md",)),
    Case("job file that is a list", job_text("[]"), "job", ("JSON", "docs/jobs.md")),
    Case("job file in another alphabet", job_text('{"output": "größe"}'.encode("latin-1")), "job", ("job.json",)),
    Case("job file nested without end", job_text("[" * 100_000), "job", ("JSON", "docs/jobs.md")),
    Case("job without output", job(lambda values: values.pop("output")), "job", ("output",)),
    Case("job of another version", job(lambda values: values.update(version=9)), "job", ("Crop Transfer",)),
    Case("job with an unknown key", job(lambda values: values.update(colour="red")), "job", ("colour",)),
    Case("job with a text for its seed", job(lambda values: values.update(seed="0")), "job", ("'seed'",)),
    Case("job with half a seed", job(lambda values: values.update(seed=0.5)), "job", ("'seed'", "0.5")),
    Case("job with a path for its bands", job(lambda values: values.update(target="t.tif")), "job", ("'target'",)),
    Case("job with an empty band", job(lambda values: values.update(target=[{}])), "job", ("path",)),
    Case("job with a band 0", job(lambda v: v["target"][0].update(index=0)), "no-such-band", ("target.tif", "0")),
    Case("job with a band 99", job(lambda v: v["target"][0].update(index=99)), "no-such-band", ("target.tif", "99")),
    Case("job with no date", job(lambda v: v["target"][0].update(date="May")), "no-date", ("'May'", "target.tif")),
    Case("job with no bands", job(lambda values: values.update(target=[])), "no-stack", ("target",)),
    Case("job with an id that leads elsewhere", job(lambda values: values.update(id="../x")), "job", ("id",)),
    Case("job with a null character", job(lambda v: v.update(output="map\0.tif")), "job", ("output",)),
    Case("job with half a character", job(lambda v: v.update(output="\ud800.tif")), "job", ("'output'",)),
    Case("map without target", no_target, "job", ("--target",)),
    Case("option that is none", option("patience=3"), "option", ("'patience'",)),
    Case("option of words", option('steps_scale="fast"'), "option", ("'steps_scale'", "fast")),
    Case("option without value", option("steps_scale"), "option", ("steps_scale",)),
    Case("option that is no JSON", option("steps_scale=fast"), "option", ("steps_scale=fast",)),
    Case("option below zero", option("steps_scale=-1"), "option", ("'steps_scale'", "-1")),
    Case("option of infinity", option("steps_scale=Infinity"), "option", ("'steps_scale'", "inf")),
    Case("option beyond all", option("steps_scale=1e308"), "option", ("'steps_scale'", "1e+308")),
    Case("option NaN", option("rate=NaN"), "option", ("'rate'", "nan")),
    Case("batch of none", option("batch=0"), "option", ("'batch'", "0")),
    Case("width that no heads fit", option("width=7"), "option", ("'width'", "7")),
    Case("width beyond all memory", option("width=400000"), "option", ("'width'", "400000", "1,024")),
    Case("layers beyond all memory", option("layers=100000"), "option", ("'layers'", "100000", "24")),
    Case("method that is none", asked(method="magic"), "command", ("--method", "magic")),
    Case("seed below zero", asked(seed="-1"), "seed", ("-1",)),
    Case("seed beyond all", asked(seed=str(2**40)), "seed", (str(2**40),)),
    Case("half a seed", asked(seed="0.5"), "command", ("--seed", "0.5")),
    Case("argument that is none", lambda desk: [*desk.map(), "--colour", "red"], "command", ("--colour",)),
    Case("command that is none", lambda desk: ["mapp"], "command", ("mapp",)),
    Case("no command", lambda desk: [], "command", ("COMMAND",)),
)
