"""When the season starts: moved days of a target."""

import numpy as np
import pytest

from engine.errors import InputError
from engine.series import Season, read_latitude
from engine.series.season import day_of_year, opposite


@pytest.mark.parametrize("start, day", [("01-01", 1), ("02-28", 59), ("02-29", 59), ("03-01", 60), ("12-31", 365)])
def test_a_start_is_a_day_of_a_common_year(start, day):
    assert day_of_year(start) == day


@pytest.mark.parametrize("start", ["", "13-01", "02-30", "1-5", "2021-03-01", "March", "0301"])
def test_what_is_no_month_and_day_is_refused(start):
    with pytest.raises(InputError) as error:
        day_of_year(start)
    assert error.value.code == "season-start" and f"'{start}'" in error.value.message


def test_given_starts_are_laid_together():
    season = Season().of_start("10-15", "04-15")
    # The target's 15 October is to be the source's 15 April, its 4 July the source's 1 January: 183 days back.
    assert season.start == "07-03" and season.days == 182
    assert Season().of_start("04-01", "04-01") == Season(source_start="04-01")
    assert Season().of_start("04-11", "04-01").days == -10
    assert Season(source_start="04-01").of_start("04-11").days == -10  # a model knows the source's
    with pytest.raises(InputError) as error:
        Season().of_start("04-11")
    assert error.value.code == "season-start"


def test_the_other_hemisphere_is_half_a_year_away_and_back():
    south = Season(latitude=38.0).for_latitude(-15.5)
    assert south.start == "07-02" and south.latitude == -15.5
    assert south.for_latitude(-30.0).start == "07-02"  # a model adapted to the south, on the south
    assert abs(south.for_latitude(45.0).days) <= 1  # and on the north again, but for the odd day of the year


def test_the_tropics_and_the_unknown_are_not_moved():
    assert opposite(40.0, -16.0) and opposite(-16.0, 40.0)
    for one, other in [(40.0, -10.0), (10.0, -40.0), (40.0, 16.0), (None, -30.0), (30.0, None)]:
        assert not opposite(one, other)
        assert Season(latitude=one).for_latitude(other).start == "01-01"


def test_the_latitude_of_a_series_file_is_that_of_the_part_used(tmp_path):
    path = tmp_path / "series.npz"
    np.savez(path, lat=[10.0, 12.0, -30.0, np.nan], region=["n", "n", "s", "s"])
    assert read_latitude(path, {"region": ["n"]}) == 11.0
    assert read_latitude(path, {"region": ["s"]}) == -30.0
    assert read_latitude(path, {"lat": [11, 90]}) == 12.0
    np.savez(path, X=np.zeros((1, 1, 1)))
    assert read_latitude(path) is None
