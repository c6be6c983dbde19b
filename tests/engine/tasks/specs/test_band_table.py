"""What is recognised of a stack as a table, corrected and read back: the same reading, or the corrected one."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from engine.errors import InputError
from engine.imagery import Stack, describe
from engine.imagery.stack.band_report import report_bands
from engine.tasks.cli.main import main
from engine.tasks.specs.band_table import read_band_table, write_band_table
from tests.helpers.facts import lacking
from tests.helpers.rasters import write_raster

NAMES = [f"{band}_2021-{month:02d}-05" for month in (3, 4, 5) for band in ("RED", "NIR")]
SIDE = 40


def planes(seed=0):
    rng = np.random.default_rng(seed)
    low, high = rng.uniform(0.03, 0.12, (2, 3, SIDE, SIDE))
    return (np.stack([low, high * 3 + 0.1], 1).reshape(6, SIDE, SIDE) * 1e4).astype("int16")


@pytest.fixture
def stack(tmp_path):
    holed = planes()
    holed[:, :, :8] = -9999
    write_raster(tmp_path / "s.tif", holed, NAMES)
    for date in ("2021-06-01", "2021-07-01"):
        write_raster(tmp_path / f"T31UES_{date}.tif", planes(1)[:2], ["RED", "NIR"], nodata=-1, scale=1e-4)
    return [str(tmp_path / "s.tif"), *map(str, sorted(tmp_path.glob("T31*.tif")))]


def read(bands):
    with Stack(bands, "source") as opened:
        return opened.read(opened.windows()[0]), opened.dates, opened.bands


def test_the_table_unchanged_gives_the_same_values_bit_by_bit(stack, tmp_path):
    rows, warnings = report_bands(describe(stack))
    write_band_table(rows, str(tmp_path / "t.csv"))
    one, other = read(describe(stack)), read(read_band_table(str(tmp_path / "t.csv")))
    assert one[1:] == other[1:] and np.isnan(one[0]).any()
    np.testing.assert_array_equal(one[0], other[0])
    assert any("-9999" in sentence for sentence in warnings)
    assert {row.unit for row in rows} == {"reflectance"} and rows[0].nodata.split() == ["-9999"]
    assert rows[0].observed == pytest.approx(0.8, abs=0.21) and rows[-1].observed == 1


def corrected(tmp_path, change, name="t.csv", **how):
    rows, _ = report_bands(describe([str(tmp_path / "s.tif")]))
    write_band_table(rows, str(tmp_path / "first.csv"))
    with (tmp_path / "first.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    cells = change(cells) or cells
    with (tmp_path / name).open("w", newline="", **{"encoding": "utf-8", **how}) as file:
        writer = csv.DictWriter(file, cells[0], delimiter=";")
        writer.writeheader()
        writer.writerows(cells)
    return str(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_corrections_of_a_spreadsheet_are_taken(stack, tmp_path, encoding):
    def change(cells):
        for cell in cells:
            cell |= {"scale": "0,0002", "offset": "", "nodata": "none", "date": f"05.{cell['date'][5:7]}.2022"}
        return cells[:4]

    values, dates, bands = read(read_band_table(corrected(tmp_path, change, encoding=encoding)))
    assert dates == ("2022-03-05", "2022-04-05") and bands == ("RED", "NIR")
    assert np.isfinite(values).all() and values[0, 0, 0, 0] == pytest.approx(-9999 * 0.0002)


@pytest.mark.parametrize(
    ("column", "text", "facts"),
    [
        ("date", "", ("Row 3", "t.csv", "date")),
        ("date", "5/1/2021", ("Row 3", "2021-01-05", "2021-05-01")),
        ("date", "spring", ("Row 3", "spring")),
        ("band", "", ("Row 3", "band")),
        ("number", "two", ("Row 3", "number")),
        ("scale", "0", ("Row 3", "scale")),
        ("nodata", "dark", ("dark",)),
    ],
)
def test_a_wrong_cell_is_named_with_its_row(stack, tmp_path, column, text, facts):
    path = corrected(tmp_path, lambda cells: cells[1].update({column: text}))
    with pytest.raises(InputError) as error:
        read_band_table(path)
    assert error.value.code == "band-table" and not lacking(str(error.value), *facts)


def test_unnamed_bands_are_listed_and_named_by_the_table(tmp_path, capsys):
    path = write_raster(tmp_path / "plain_20210501.tif", planes())
    table = str(tmp_path / "t.csv")
    assert main(["describe", path, "--output", table]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8 and all("plain_20210501.tif" in line for line in lines[1:7])
    text = (tmp_path / "t.csv").read_text("utf-8-sig").splitlines()
    rows = [row.split(",") for row in text]
    for number, row in enumerate(rows[1:]):
        row[2], row[3] = NAMES[number].split("_")[::-1]
    (tmp_path / "t.csv").write_text("\n".join(map(",".join, rows)), "utf-8")
    values, dates, bands = read(read_band_table(table))
    assert bands == ("RED", "NIR") and len(dates) == 3
    assert main(["describe", str(tmp_path / "gone.tif")]) == 2


def test_commands_read_their_stack_from_the_table(stack, tmp_path, capsys):
    table = corrected(tmp_path, lambda cells: cells[:4])
    assert main(["regularize", "--bands-from", table, "--period", "month", "--output", str(tmp_path / "o.tif")]) == 0
    assert "2 dates" in capsys.readouterr().out
