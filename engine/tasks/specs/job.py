"""Description of a job, the same for dialog, Processing algorithms, command and cluster."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from ...imagery import LabelLayer, StackBand
from ...imagery.geo.types import Encoding
from ...imagery.parcels.layer import PARCEL_METHODS
from .limits import MEMORY, SEED, EncodingLimits
from .schema import Limits, Task, new_id, setting


@dataclass(frozen=True)
class Job(Task):
    """Learn from a labelled source, adapt to a target stack and map it, or map it by a given model."""

    DOCUMENT = "docs/jobs.md"

    output: str
    """Path of the classified map: a GeoTIFF, or a VRT (``.vrt``) over tiles in a folder beside it."""
    target: tuple[StackBand, ...] = ()
    """Target stack, band by band; a job file may leave it to the options of the command."""
    labels: LabelLayer | None = None
    """Labels of the source; needs ``source``."""
    source: tuple[StackBand, ...] = ()
    """Source stack, band by band."""
    series: str | None = None
    """Series file instead of ``labels`` and ``source``."""
    series_part: dict[str, list[Any]] = field(default_factory=dict)
    """Part of the series file to learn from: ``region``, ``year``, ``lat`` and ``classes``, each
    optional, as in :func:`engine.series.read_series`; empty for all of it."""
    use_model: str | None = None
    """Model file to map with, instead of learning one from ``labels`` or ``series``."""
    mask: str | None = None
    """Raster (not 0 is mapped) or polygon layer (inside is mapped), a layer of a container as
    ``path|layername=name``; None maps every pixel."""
    parcels: str | None = None
    """Polygon layer, named like ``mask``: each of its parcels is classified once, and nothing outside them; None
    maps pixel by pixel."""
    parcel_layer: str | None = None
    """Path of the parcels with their crops (GeoPackage); None with ``parcels``: beside the map."""
    parcel_reading: str = setting("median", Limits("parcel-reading", "parcel reading", choices=PARCEL_METHODS))
    """``median``: a parcel is classified by the median of its pixels by date and band; ``set``: by the mean
    probabilities of some of them."""
    confidence: str | None = None
    """Path of the confidence raster (Byte, percent), of the map's format; None for none."""
    model: str | None = None
    """Path of the model file to write; None for none."""
    report: str | None = None
    """Path of the HTML report; None for none."""
    method: str = "ghca"
    """Key of ``engine.methods.METHODS``."""
    seed: int = setting(0, SEED)
    """Seed of all random numbers."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further settings of the method; empty means its defaults."""
    bands: tuple[str, ...] = ()
    """Bands and indices of the source to learn from; empty for all its bands."""
    indices: tuple[str, ...] = ()
    """Further indices to use, computed where they are not stored: keys of
    ``engine.imagery.sensors.spectral_indices.INDICES``."""
    quality: dict[str, list[Any]] | None = None
    """Values or names of bits that mask a pixel, by quality band; None for the defaults of each kind."""
    source_encoding: Encoding | None = setting(None, EncodingLimits("encoding", "source"))
    """What the numbers of the source's rasters mean, over what the files say: ``nodata`` (a number as text, or
    ``none``), ``scale`` and ``offset``; a band's own ``encoding`` goes before it; None: as the files say."""
    target_encoding: Encoding | None = setting(None, EncodingLimits("encoding", "target"))
    """The same of the target."""
    source_season_start: str = ""
    """Month and day (``MM-DD``) at which the season of the source starts, and ..."""
    target_season_start: str = ""
    """... of the target: its days are shifted so that the two starts coincide. Empty: by half a year where the two are
    in opposite hemispheres, otherwise not."""
    exact: bool = False
    """Whether the full model classifies every pixel; otherwise large maps use a faster distilled model, and uncertain
    pixels the full one."""
    memory: int = setting(0, MEMORY)
    """Memory in MB that mapping may use, about; 0 for a quarter of the machine's."""
    resume: bool = False
    """Whether to resume an interrupted run of the same job, where there is one."""
    dask: str = ""
    """Address of a Dask scheduler whose workers map the tiles, such as ``tcp://10.0.0.1:8786``; they see the folder of
    the map and the target under the same paths."""
    workers: int = setting(0, Limits("workers", "number of workers", 0))
    """Worker processes on this machine that map the tiles; 0 for threads of this process."""
    cog: bool = False
    """Whether map and confidence become Cloud Optimized GeoTIFFs."""
    id: str = field(default_factory=new_id)
    """Marks the unfinished files of this job, so that they can be found and removed."""

    def outputs(self) -> dict[str, str]:
        """The files the job writes, by role: map, style, tiles, confidence, parcels, parcel_style, model, report."""
        stem, ending = os.path.splitext(self.output)
        written: dict[str, str | None] = {
            "map": self.output,
            "style": stem + ".qml",
            "confidence": self.confidence,
            "model": self.model,
        }
        if self.parcels:
            layer = self.parcel_layer or stem + "_parcels.gpkg"
            written |= {"parcels": layer, "parcel_style": os.path.splitext(layer)[0] + ".qml"}
        written["report"] = self.report
        if ending.lower() == ".vrt":
            written["tiles"] = stem + "_tiles"
        return {role: path for role, path in written.items() if path}
