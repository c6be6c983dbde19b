"""Sets of several regions and years become one source: dates, bands, classes and blocks meet as they should."""

import numpy as np
import pytest

from engine.errors import InputError
from engine.series import SeriesSet, read_series, write_series
from engine.series.join import MOST_DATES, join_series
from tests.helpers.facts import lacking, numbers


def join(*parts, **how):
    """All of a joined set, in memory."""
    return join_series(*parts, **how).read()


def part(day, classes=("maize", "wheat"), bands=("RED", "NIR"), pixels=6, value=0.0, group=True, latitude=47.0):
    """Pixel i of date t and band b holds value + t + b / 10 + i / 100."""
    day = np.array(day, np.float32)
    t, b, i = np.ogrid[: len(day), : len(bands), :pixels]
    values = (value + t + b / 10 + i / 100).transpose(2, 0, 1).astype(np.float32)
    return SeriesSet(
        values=values,
        day=day,
        bands=bands,
        labels=np.arange(pixels) % len(classes),
        classes=classes,
        group=np.arange(pixels) // 2 if group else None,
        lonlat=None if latitude is None else np.tile([15.0, latitude], (pixels, 1)),
    )


def test_parts_of_one_calendar_are_put_one_after_the_other():
    told = []
    one, two = part([60, 80, 100]), part([60, 80, 100], value=5)
    joined = join([one, two], warn=told.append)
    np.testing.assert_array_equal(joined.values, np.concatenate([one.values, two.values]))
    np.testing.assert_array_equal(joined.day, one.day)
    assert told == [] and joined.bands == one.bands
    assert joined.group.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert joined.lonlat.shape == (12, 2)


def test_dates_of_other_parts_are_gaps_and_near_ones_become_one():
    told = []
    one, two = part([60, 80, 100]), part([62, 90, 140], value=5)
    joined = join([one, two], warn=told.append)
    assert joined.day.tolist() == [61, 80, 90, 100, 140]
    np.testing.assert_array_equal(joined.values[:6, [0, 1, 3]], one.values)
    np.testing.assert_array_equal(joined.values[6:, [0, 2, 4]], two.values)
    assert np.isnan(joined.values[:6, [2, 4]]).all() and np.isnan(joined.values[6:, [1, 3]]).all()
    assert len(told) == 1 and not lacking(told[0], "1.0")


def test_dates_of_one_part_never_become_one():
    joined = join([part([60, 62, 64]), part([63])])
    assert joined.day.tolist() == [60, 62.5, 64]
    assert np.isfinite(joined.values[:6]).all()


def test_seasons_of_other_years_are_laid_over_each_other():
    """A season that begins in September, and one whose days are counted from the year after."""
    autumn, winter = part([260, 300, 340, 380, 420]), part([11, 52])
    joined = join([autumn, winter])
    assert joined.day.tolist() == [260, 300, 340, 378, 418.5]
    joined = join([winter, autumn])
    assert joined.day.tolist() == [-105, -65, -25, 13, 53.5]


def test_seasons_of_both_hemispheres_meet():
    told = []
    joined = join([part([100, 150, 200]), part([282, 332, 382], latitude=-30.0)], ["A", "B"], told.append)
    assert np.abs(joined.day - [100, 150, 200]).max() <= 1 and len(joined.day) == 3
    assert not lacking(told[0], "A", "B", 182)
    # Near the equator the calendar says nothing.
    assert len(join([part([100], latitude=5.0), part([282], latitude=-10.0)]).day) == 2


def test_bands_are_the_common_ones_in_the_first_order():
    told = []
    one, two = (part([60], bands=bands, value=1) for bands in (("RED", "NIR", "SWIR"), ("NIR", "BLUE", "RED")))
    joined = join([one, two], ["north.npz", "south.npz"], told.append)
    assert joined.bands == ("RED", "NIR")
    np.testing.assert_array_equal(joined.values[6:], two.values[:, :, [2, 0]])
    assert [lacking(text, *facts) for text, facts in zip(told, (("north.npz", "SWIR"), ("south.npz", "BLUE")))] == [
        [],
        [],
    ]
    assert len(told) == 2 and not any(band in text for band in joined.bands for text in told)
    with pytest.raises(InputError) as error:
        join([one.with_bands(["RED", "NIR"]), part([60], bands=("B04",))], ["north", "south"])
    assert error.value.code == "bands-differ"
    assert not lacking(error.value.message, "north", "RED", "NIR", "south", "B04")


def test_classes_are_joined_by_name():
    joined = join([part([60], ("maize", "wheat")), part([60], ("rye", "maize"))])
    assert joined.classes == ("maize", "wheat", "rye")
    assert [joined.classes[k] for k in joined.labels] == ["maize", "wheat"] * 3 + ["rye", "maize"] * 3


def test_a_part_without_blocks_is_one_block_and_without_places_has_none():
    joined = join([part([60]), part([60], group=False, latitude=None)])
    assert joined.group.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3]
    assert np.isfinite(joined.lonlat[:6]).all() and np.isnan(joined.lonlat[6:]).all()
    assert join([part([60], group=False)] * 2).group is None


def test_too_many_dates_become_medians_of_equal_periods():
    """Daily images of one region and some of another: 5 days become one date, gaps stay gaps."""
    told = []
    dense, sparse = part(np.arange(1, 201), value=500), part([3, 104, 198], value=500)
    dense.values[0, :10] = np.nan
    joined = join([dense, sparse], warn=told.append)
    assert list(map(numbers, told)) == [["200", "5", "40"]]
    assert (np.diff(joined.day) > 0).all() and np.abs(joined.day - np.arange(3, 203, 5)).max() < 1
    np.testing.assert_allclose(joined.values[1, :3, 0], [502.01, 507.01, 512.01])
    assert not joined.observed[0, :2].any() and joined.observed[0, 2:].all()
    assert joined.observed[6:].sum(axis=1).tolist() == [3] * 6


def test_years_on_end_stay_within_the_number_of_dates():
    joined = join([part(np.arange(1, 2001, 5), value=500), part(np.arange(3, 2001, 7), value=500)])
    assert 60 <= len(joined.day) <= MOST_DATES


def test_other_units_and_missing_labels_are_told():
    with pytest.raises(InputError) as error:
        join([part([60], value=1), part([60], value=10_000)], ["north", "south"])
    assert error.value.code == "units-differ" and not lacking(error.value.message, "south", 9302, "north")
    told = []
    join([part([60], value=1), part([60], value=10)], ["north", "south"], warn=told.append)
    assert len(told) == 1 and not lacking(told[0], "RED, NIR", "north", "south", "unit", "scale")
    with pytest.raises(InputError) as error:
        join([part([60]), part([60]).without_labels()], ["north", "south"])
    assert error.value.code == "no-labels" and not lacking(error.value.message, "south")


def test_cancel_ends_the_joining():
    class Stop(Exception):
        pass

    def stop():
        raise Stop

    with pytest.raises(Stop):
        join([part([60])] * 2, check=stop)


def test_a_joined_set_survives_its_file(tmp_path):
    joined = join([part([330, 350, 370]), part([331, 352, 390], value=5)])
    write_series(tmp_path / "s.npz", joined)
    back = read_series(tmp_path / "s.npz")
    np.testing.assert_array_equal(back.values, joined.values)
    np.testing.assert_allclose(back.day, joined.day)
    np.testing.assert_array_equal(back.lonlat, joined.lonlat)
    assert (back.classes, back.bands) == (joined.classes, joined.bands)


def test_real_years_of_mato_grosso_are_one_source(shared):
    """Two harvest years on MODIS dates: 23 dates each, a day apart in leap years, and every observation kept."""
    path = shared / "data" / "matogrosso_modis_2001_2016.npz"
    parts = [read_series(path, {"region": ["MatoGrosso_state"], "year": [year]}) for year in (2015, 2016)]
    joined = join(parts)
    assert len(joined) == sum(map(len, parts)) and len(joined.day) == 23
    assert np.nansum(joined.values) == pytest.approx(sum(float(np.nansum(p.values)) for p in parts), rel=1e-5)
    assert set(joined.classes) == set(parts[0].classes) | set(parts[1].classes)
    assert not set(joined.group[: len(parts[0])]) & set(joined.group[len(parts[0]) :])
