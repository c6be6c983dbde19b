"""Rasters and vectors: found, described, checked, read as series, and maps written. GDAL is used here and nowhere else.

Rooms, each built on those before it: ``geo`` (grids, CRS, GDAL), ``sensors`` (bands, dates, scale, quality flags),
``discovery`` (from paths to the bands of a stack) and ``stac`` (from a catalogue to a folder of scenes), ``stack``
(series window by window inside a :class:`Mask`), ``labels`` and ``parcels`` (the pixels to learn from and to map),
``maps`` (GeoTIFF, mosaic, colours).

:func:`describe` recognises the date and band of every raster band; :func:`match_bands` matches the bands of two
sensors; ``stack_problems``, ``label_problems``, ``mask_problems``, ``parcel_problems`` and ``writable_problems``
return what keeps a task from running; :class:`Stack` reads series; ``sample_labels`` and ``sample_unlabelled`` draw
the series to learn from; :class:`MapWriter` writes the classified map, :class:`ParcelWriter` the parcels with crops.

>>> from croptransfer.engine.imagery import Grid, match_bands, pixel_hectares
>>> match_bands(["B08", "NDVI"], ["nir", "red"]).missing
()
>>> pixel_hectares(Grid(10, 10, (0.0, 20.0, 0.0, 0.0, 0.0, -20.0), ""))
nan
"""

from .discovery.describe import Description, describe, describe_path, describe_with_notes
from .geo.geodesy import pixel_hectares
from .geo.thumbnail import read_preview
from .geo.types import Grid, StackBand, Window
from .labels.label_layer import LabelLayer
from .labels.sampling import sample_labels, sample_unlabelled
from .labels.validate import label_problems
from .maps.cog import make_cloud_optimized
from .maps.geotiff import MapWriter
from .maps.palette import class_colors
from .maps.qml import write_parcel_qml, write_qml
from .maps.vrt import MapMosaic
from .parcels.layer import ParcelLayer, parcel_problems
from .parcels.writer import ParcelWriter
from .sensors.band_matching import BandMatch, match_bands
from .stack.mask import Mask, mask_problems
from .stack.reader import Stack
from .stack.validate import stack_problems, writable_problems
