"""Time series of pixels: what one set of them is (:class:`SeriesSet`), and the files that hold them.

A set comes from a series file (``files``) or is sampled from a raster stack (``imagery``); the
methods in ``alignment`` see nothing else of the world.
"""

from .files import SeriesFile, read_latitude, read_series, write_series
from .regular import fill_linearly, regular_days
from .samples import MINIMUM_SAMPLES, describe_draw, few_samples, require_samples, require_source
from .season import Season
from .series_set import Series, SeriesSet, align_years, continuous_days

__all__ = [
    "MINIMUM_SAMPLES",
    "Season",
    "Series",
    "SeriesFile",
    "SeriesSet",
    "align_years",
    "continuous_days",
    "few_samples",
    "fill_linearly",
    "read_latitude",
    "read_series",
    "regular_days",
    "require_samples",
    "require_source",
    "describe_draw",
    "write_series",
]
