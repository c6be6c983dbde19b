"""Raster stacks and label layers: what they show, what is wrong with them, their series, and maps written.

``describe`` recognises the date and band of every raster band; ``match_bands`` brings the bands of two sensors
together; ``stack_problems``, ``label_problems``, ``mask_problems``, ``parcel_problems`` and ``writable_problems`` say
in words what keeps a job from running; a :class:`Stack` reads series window by window inside a :class:`Mask`;
``sample_labels`` and ``sample_unlabelled`` draw the series to learn from; a :class:`MapWriter` writes the classified
map, and a :class:`ParcelWriter` the polygons of a :class:`ParcelLayer` with their crops.
GDAL is used here and nowhere else in the engine.
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

__all__ = [
    "BandMatch",
    "Description",
    "Grid",
    "LabelLayer",
    "MapMosaic",
    "MapWriter",
    "Mask",
    "ParcelLayer",
    "ParcelWriter",
    "Stack",
    "StackBand",
    "Window",
    "class_colors",
    "describe",
    "describe_path",
    "describe_with_notes",
    "label_problems",
    "make_cloud_optimized",
    "mask_problems",
    "parcel_problems",
    "match_bands",
    "pixel_hectares",
    "read_preview",
    "sample_labels",
    "sample_unlabelled",
    "stack_problems",
    "writable_problems",
    "write_parcel_qml",
    "write_qml",
]
