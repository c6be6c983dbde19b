"""Time series of pixels: what one set of them is (:class:`SeriesSet`), and the files that hold them.

A set comes from a series file (``files``) or is sampled from a raster stack (``imagery``); the
``methods`` see nothing else of the world. ``regular`` and ``composites`` bring series to equal steps, ``join`` puts
several regions or years into one set, ``season`` aligns the seasons of two hemispheres.

>>> import numpy as np
>>> from croptransfer.engine.series import SeriesSet
>>> values = np.array([[[0.2], [0.8]], [[0.3], [np.nan]]], np.float32)
>>> series = SeriesSet(values, np.array([120, 180], np.float32), ("NDVI",), np.array([0, 1]), ("maize", "wheat"))
>>> series.observed.tolist()
[[True, True], [True, False]]
>>> series.with_classes(["wheat"]).labels.tolist()
[0]
"""

from .files import SeriesFile, read_latitude, read_series, write_series
from .regular import fill_linearly, regular_days
from .samples import MINIMUM_SAMPLES, describe_draw, few_samples, require_samples, require_source
from .season import Season
from .series_set import Series, SeriesSet, align_years, continuous_days
