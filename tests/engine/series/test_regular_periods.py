"""Calendar periods: which there are, which date falls into which, and what is no period."""

import datetime

import numpy as np
import pytest

from engine.errors import InputError
from engine.series.periods import season_periods
from tests.helpers.facts import lacking


def every(days, first="2021-03-03", count=20):
    start = datetime.date.fromisoformat(first)
    return [(start + datetime.timedelta(days * n)).isoformat() for n in range(count)]


def test_ten_day_periods_are_counted_from_new_year_so_that_years_share_them():
    periods = season_periods(every(5), "10")
    assert periods.dates[:2] == ("2021-03-06", "2021-03-16")
    days = [datetime.date.fromisoformat(d).timetuple().tm_yday for d in periods.dates]
    other = season_periods(every(8, "2022-03-09", 12), "10")
    assert set(days) >= {datetime.date.fromisoformat(d).timetuple().tm_yday for d in other.dates}
    assert set(np.diff(days)) == {10}


def test_every_date_lies_in_the_period_whose_middle_is_nearest():
    dates = every(1, "2020-11-20", 120)
    for period in ("7", "10", "16"):
        periods = season_periods(dates, period)
        middles = np.array([datetime.date.fromisoformat(d).toordinal() for d in periods.dates])
        for date, place in zip(dates, periods.period_of_date):
            assert abs(datetime.date.fromisoformat(date).toordinal() - middles[place]) <= int(period) / 2


def test_months_run_over_the_new_year():
    periods = season_periods(every(10, "2020-11-28", 9), "month")
    assert periods.dates == ("2020-11-15", "2020-12-16", "2021-01-16", "2021-02-14")
    assert periods.period_of_date.tolist() == [0, 1, 1, 1, 2, 2, 2, 3, 3]


def test_a_season_counts_from_its_start_and_leaves_out_the_dates_beside_it():
    periods = season_periods(every(5), "10", "2021-03-10", "2021-04-08")
    assert periods.dates == ("2021-03-14", "2021-03-24", "2021-04-03")
    assert periods.period_of_date.tolist() == [-1, -1, 0, 0, 1, 1, 2, 2] + [-1] * 12


def test_a_period_without_a_date_stays_in_the_calendar():
    periods = season_periods(["2021-03-03", "2021-05-01"], "10")
    assert len(periods) == 7 and periods.empty == 5


def test_a_period_whose_middle_is_not_in_the_season_is_left_out():
    periods = season_periods(every(5, "2021-03-01", 24), "month", "2021-03-20", "2021-06-05")
    assert periods.dates == ("2021-04-15", "2021-05-16")


@pytest.mark.parametrize(
    "changes, code, facts",
    [
        ({"period": "week"}, "period", ["'week'"]),
        ({"period": "0"}, "period", ["'0'"]),
        ({"period": "²"}, "period", ["'²'"]),
        ({"period": "200"}, "period-too-long", ["200", "2021-03-03", "2021-06-06"]),
        ({"start": "2023-01-01"}, "no-dates", ["2023-01-01", "2021-03-03", "2021-06-06"]),
        ({"start": "1 March"}, "season", ["start", "'1 March'"]),
        ({"start": "2021-06-01", "end": "2021-05-01"}, "season", ["2021-05-01", "2021-06-01"]),
    ],
)
def test_a_wrong_period_or_season_is_told(changes, code, facts):
    with pytest.raises(InputError) as error:
        season_periods(**{"dates": every(5), "period": "10", **changes})
    assert error.value.code == code and not lacking(error.value.message, *facts)
