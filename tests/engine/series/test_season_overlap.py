"""Dates of two sides: the same season, few dates in common, or none."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import InputError
from engine.series.season_overlap import season_warnings
from tests.helpers.facts import lacking

SOURCE = np.arange(60.0, 290, 20)
NAMES = "the source", "the target t.tif"


@pytest.mark.parametrize(
    "target", [SOURCE, SOURCE + 365, SOURCE + 14, SOURCE[2:8], np.arange(100.0, 250, 5), np.arange(1.0, 365, 10)]
)
def test_the_same_season_needs_no_word(target):
    assert season_warnings(SOURCE, target, NAMES) == []


@pytest.mark.parametrize(("target", "count"), [([150.0, 170, 190], 3), ([100.0, 260], 2), ([150.0], 1)])
def test_few_common_dates_are_reported_with_both_spans(target, count):
    (sentence,) = season_warnings(SOURCE, np.array(target), NAMES)
    assert not lacking(sentence, count, "1 Mar", "7 Oct", "t.tif")


@pytest.mark.parametrize("first", [305, 305 + 365])
def test_no_common_part_is_refused_with_both_spans(first):
    with pytest.raises(InputError) as error:
        season_warnings(SOURCE, np.arange(first, first + 110.0, 20), NAMES)
    assert error.value.code == "season-overlap"
    assert not lacking(str(error.value), "1 Mar", "7 Oct", "1 Nov", "9 Feb", "t.tif")


def test_of_a_model_only_the_span_is_known():
    assert season_warnings(SOURCE[[0, -1]], SOURCE, NAMES, of_span=True) == []
    assert len(season_warnings(SOURCE[[0, -1]], SOURCE[:3], NAMES, of_span=True)) == 1
