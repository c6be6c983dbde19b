"""Every code of an :class:`engine.errors.InputError`: what it is about, and whether finished tiles outlast it."""

from __future__ import annotations

from typing import NamedTuple


class ErrorKind(NamedTuple):
    """What a code is about."""

    subject: str
    """Part of the input that has to change: a key of ``_CODES``."""
    keeps_tiles: bool
    """Whether a map that stops with this error can be resumed from its finished tiles, since its inputs are good."""


_CODES = {
    "settings": """
        class-field class-table command credentials data-type encoding ends fill job memory method option oracle
        parcel-reading per-class per-polygon quality resume-changed seed seeds smoothness splits targets twice
        two-sources workers""",
    "model": "model-unreadable",
    "labels": """
        bad-filter class-column class-unknown field-missing field-null field-numbers few-samples inner-buffer
        label-raster labels-empty labels-geometry labels-unreadable many-classes no-labels one-class text-encoding""",
    "layers": """
        layer-missing mask-empty mask-geometry mask-no-overlap mask-unreadable no-parcels parcels-geometry
        parcels-no-overlap parcels-unreadable raster-layer vector-unreadable""",
    "imagery": """
        all-nodata band-table bands-differ crs-unrelated cube-calendar cube-dimensions date-incomplete duplicate-band
        folder-too-large grids-differ index index-bands input-empty no-band no-date no-dates no-georeference
        no-overlap no-raster no-source-stack no-stack no-such-band raster-type raster-unreadable stack-empty
        target-empty units-differ""",
    "series": "classes-differ no-source series-class series-empty series-key series-shape series-unreadable",
    "season": "period period-too-long season season-overlap season-start",
    "catalog": "catalogue catalogue-missing cloud collection extent most no-scene",
    "engine": "engine-install engine-missing needs-scikit-learn",
    "output": """
        map-unwritable no-output output-busy output-folder output-format output-in-use output-is-input output-name
        output-unwritable same-output stack-unwritable unfinished-damaged""",
    "cluster": "dask-address dask-folder dask-lost dask-missing dask-version tiles-failed",
}

_KEEP_TILES = {"cluster", "output"}

CODES: dict[str, ErrorKind] = {
    code: ErrorKind(subject, subject in _KEEP_TILES) for subject, codes in _CODES.items() for code in codes.split()
}
"""The kind of each code."""
