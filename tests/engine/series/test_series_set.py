"""Series files and sets: what is read is what was written, and what is wrong is named."""

import numpy as np
import pytest

from engine.errors import InputError
from engine.series import SeriesSet, align_years, continuous_days, read_series, write_series


@pytest.fixture
def series():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 4, 2)).astype(np.float32)
    values[1, 2] = np.nan
    values[2, 0, 1] = np.nan
    return SeriesSet(
        values=values,
        day=np.array([330, 350, 370, 390], np.float32),
        bands=("RED", "NIR"),
        labels=np.array([0, 1, 2, 0, 1, 2]),
        classes=("maize", "rice", "soy"),
        group=np.array([0, 0, 1, 1, 2, 2]),
    )


def test_a_written_file_reads_back_as_it_was(series, tmp_path):
    write_series(tmp_path / "s.npz", series)
    back = read_series(tmp_path / "s.npz")
    np.testing.assert_array_equal(back.values, series.values)
    np.testing.assert_array_equal(back.day, series.day)
    np.testing.assert_array_equal(back.labels, series.labels)
    np.testing.assert_array_equal(back.group, series.group)
    assert (back.bands, back.classes) == (series.bands, series.classes)


def test_a_date_counts_only_with_all_its_bands(series):
    expected = np.ones((6, 4), bool)
    expected[1, 2] = expected[2, 0] = False
    np.testing.assert_array_equal(series.observed, expected)


def test_days_go_on_over_the_new_year():
    np.testing.assert_array_equal(continuous_days(np.array([257, 353, 1, 17, 241])), [257, 353, 366, 382, 606])


def test_seasons_that_start_around_new_year_meet():
    december = continuous_days(np.array([354, 5, 20]))
    january = continuous_days(np.array([5, 20, 35]))
    aligned = align_years(january, december)
    assert abs(aligned.mean() - december.mean()) < 20
    assert (aligned - january).std() == 0 and (aligned - january)[0] % 365 == 0


def test_classes_are_chosen_and_reordered(series):
    kept = series.with_classes(["soy", "maize"])
    assert kept.classes == ("soy", "maize")
    np.testing.assert_array_equal(kept.labels, [1, 0, 1, 0])
    np.testing.assert_array_equal(kept.values, series.values[[0, 2, 3, 5]])


def test_a_target_has_neither_labels_nor_class_names(series):
    target = series.without_labels()
    assert target.labels is None and target.classes == ()


def test_a_missing_band_is_named(series):
    with pytest.raises(InputError) as error:
        series.with_bands(["NIR", "SWIR"])
    assert error.value.code == "bands-differ" and "SWIR" in error.value.message


def test_parts_by_region_year_latitude_and_class(tmp_path):
    np.savez(
        tmp_path / "s.npz",
        X=np.arange(8, dtype=np.float32).reshape(8, 1, 1),
        doy=[10],
        bands=["NDVI"],
        y=[0, 1, 0, 1, 0, 1, 0, 1],
        class_names=["a", "b"],
        region=["n", "n", "n", "n", "s", "s", "s", "s"],
        year=[1, 1, 2, 2, 1, 1, 2, 2],
        lat=np.arange(8),
    )
    read = read_series(tmp_path / "s.npz", {"region": ["n"], "year": [2]})
    np.testing.assert_array_equal(read.values.ravel(), [2, 3])
    read = read_series(tmp_path / "s.npz", {"lat": [3, 5]}, ("b",))
    np.testing.assert_array_equal(read.values.ravel(), [3, 5])
    with pytest.raises(InputError) as error:
        read_series(tmp_path / "s.npz", {"year": [1999]})
    assert error.value.code == "series-empty"
    with pytest.raises(InputError) as error:
        read_series(tmp_path / "s.npz", classes=("c",))
    assert error.value.code == "series-class" and "'c'" in error.value.message


GOOD = {
    "X": np.zeros((3, 2, 1), np.float32),
    "doy": [1, 20],
    "bands": ["NDVI"],
    "y": [0, 1, 0],
    "class_names": ["a", "b"],
}


@pytest.mark.parametrize(
    "change, code, named",
    [
        ({"X": None}, "series-key", "'X'"),
        ({"bands": None}, "series-key", "'bands'"),
        ({"doy": None}, "series-key", "'doy'"),
        ({"class_names": None}, "series-key", "'class_names'"),
        ({"X": np.zeros((3, 2))}, "series-shape", "X"),
        ({"X": np.full((3, 2, 1), "x")}, "series-shape", "X"),
        ({"doy": [1, 2, 3]}, "series-shape", "'doy'"),
        ({"y": [0, 1]}, "series-shape", "'y'"),
        ({"y": [0, 1, 2]}, "series-shape", "y"),
        ({"y": ["a", "b", "a"]}, "series-shape", "'y'"),
        ({"y": [0, np.nan, 1]}, "series-shape", "'y'"),
        ({"doy": ["1", "20"]}, "series-shape", "'doy'"),
        ({"X": np.zeros((3, 2, 2)), "bands": ["NDVI", "NDVI"]}, "series-shape", "NDVI"),
        ({"dates": ["2020-01-01", "soon"]}, "series-shape", "soon"),
        ({"dates": ["2020-02-01", "2020-01-01"]}, "series-shape", "bad.npz"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, change, code, named):
    fields = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    np.savez(tmp_path / "bad.npz", **fields)
    with pytest.raises(InputError) as error:
        read_series(tmp_path / "bad.npz")
    assert error.value.code == code
    assert "bad.npz" in error.value.message and named in error.value.message


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "none.npz").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_series(tmp_path / "none.npz")
    assert error.value.code == "series-unreadable" and "none.npz" in error.value.message


def test_a_file_with_objects_runs_no_code(tmp_path):
    np.savez(tmp_path / "objects.npz", **{**GOOD, "class_names": np.array(["a", {"b": 1}], dtype=object)})
    with pytest.raises(InputError) as error:
        read_series(tmp_path / "objects.npz")
    assert error.value.code == "series-unreadable"


def test_a_single_array_is_no_series_file(tmp_path):
    np.save(tmp_path / "single.npy", GOOD["X"])
    with pytest.raises(InputError) as error:
        read_series(tmp_path / "single.npy")
    assert error.value.code == "series-unreadable" and "single.npy" in error.value.message
