"""Raster stacks and label layers: what they show, what is wrong with them, their series, and maps written.

``describe`` recognises the date and band of every raster band; ``match_bands`` brings the bands of two sensors
together; ``stack_problems``, ``label_problems``, ``mask_problems``, ``parcel_problems`` and ``writable_problems`` say
in words what keeps a job from running; a :class:`Stack` reads series window by window inside a :class:`Mask`;
``sample_labels`` and ``sample_unlabelled`` draw the series to learn from; a :class:`MapWriter` writes the classified
map, and a :class:`ParcelWriter` the polygons of a :class:`ParcelLayer` with their crops.
GDAL is used here and nowhere else in the engine.
"""

from .area import pixel_hectares
from .cloud_optimized import make_cloud_optimized
from .describe import Description, describe, describe_path, describe_with_notes
from .label_layer import LabelLayer
from .labels import label_problems
from .map_mosaic import MapMosaic
from .map_writer import MapWriter
from .mask import Mask, mask_problems
from .matching import BandMatch, match_bands
from .palette import class_colors
from .parcel_layer import ParcelLayer, parcel_problems
from .parcel_writer import ParcelWriter
from .preview import read_preview
from .problems import stack_problems, writable_problems
from .reader import Stack
from .sampling import sample_labels, sample_unlabelled
from .stack import Grid, StackBand, Window
from .style import write_parcel_qml, write_qml

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
