"""One job, as the dialog, the Processing algorithms, the command line and a cluster all describe it."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import InputError
from ...imagery import LabelLayer, StackBand
from .schema import BAND_KINDS, LABEL_KINDS, Kind, _check_texts, checked

VERSION = 1
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("output", "method", "id", "dask", "source_season_start", "target_season_start"), (str, "a text")),
    **dict.fromkeys(("series", "use_model", "mask", "confidence", "model", "report"), ((str, type(None)), "a text")),
    **dict.fromkeys(("parcels", "parcel_layer"), ((str, type(None)), "a text")),
    "parcel_reading": (str, "a text"),
    **dict.fromkeys(("source", "target"), (list, "a list of bands")),
    **dict.fromkeys(("series_part", "options"), (dict, "an object")),
    **dict.fromkeys(("bands", "indices"), (list, "a list of names")),
    "quality": ((dict, type(None)), "an object"),
    "labels": ((dict, type(None)), "an object"),
    **dict.fromkeys(("seed", "memory", "workers"), (int, "a whole number")),
    **dict.fromkeys(("exact", "resume", "cog"), (bool, "true or false")),
}


@dataclass(frozen=True)
class Job:
    """Learn from a labelled source, adapt to a target stack and map it, or map it by a given model."""

    output: str
    """Path of the classified map: a GeoTIFF, or a VRT (``.vrt``) over tiles in a folder beside it."""
    target: tuple[StackBand, ...]
    """Target stack, band by band."""
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
    parcel_reading: str = "median"
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
    seed: int = 0
    """Seed of everything random."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further settings of the method; empty means its defaults."""
    bands: tuple[str, ...] = ()
    """Bands and indices of the source to learn from; empty for all its bands."""
    indices: tuple[str, ...] = ()
    """Further indices to use, computed where they are not stored: keys of
    ``engine.imagery.sensors.spectral_indices.INDICES``."""
    quality: dict[str, list[Any]] | None = None
    """What a pixel must not show, by quality band: values or names of bits; None for the defaults of each kind."""
    source_season_start: str = ""
    """Month and day (``MM-DD``) at which the season of the source starts, and ..."""
    target_season_start: str = ""
    """... of the target: its days are moved so that the two starts coincide. Empty: only where the two lie in
    opposite hemispheres, by half a year."""
    exact: bool = False
    """Whether the network itself classifies every pixel; else a large map may be left to a fast network that learnt
    from it, with the network asked where that one is not sure."""
    memory: int = 0
    """Memory in MB that mapping may use, about; 0 for a quarter of the machine's."""
    resume: bool = False
    """Whether to go on from an interrupted run of the same job, where there is one."""
    dask: str = ""
    """Address of a Dask scheduler whose workers map the tiles, such as ``tcp://10.0.0.1:8786``; they see the folder of
    the map and the target under the same paths."""
    workers: int = 0
    """Worker processes on this machine that map the tiles; 0 for threads of this process."""
    cog: bool = False
    """Whether map and confidence become Cloud Optimized GeoTIFFs."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Marks the unfinished files of this job, so that they can be found and removed."""

    def outputs(self) -> dict[str, str]:
        """The files the job writes, by role: map, style, tiles, confidence, parcels, parcel_style, model, report."""
        place, ending = os.path.splitext(self.output)
        written: dict[str, str | None] = {
            "map": self.output,
            "style": place + ".qml",
            "confidence": self.confidence,
            "model": self.model,
        }
        if self.parcels:
            layer = self.parcel_layer or place + "_parcels.gpkg"
            written |= {"parcels": layer, "parcel_style": os.path.splitext(layer)[0] + ".qml"}
        written["report"] = self.report
        if ending.lower() == ".vrt":
            written["tiles"] = place + "_tiles"
        return {role: path for role, path in written.items() if path}

    def to_json(self, indent: int | None = None) -> str:
        """The job as JSON text, in one line unless ``indent`` is given."""
        return json.dumps({"version": VERSION, **asdict(self)}, ensure_ascii=False, indent=indent)

    @staticmethod
    def from_json(text: str) -> Job:
        """The job of a JSON text; raises InputError (``job``) where it is not one."""
        try:
            values = checked(json.loads(text), KINDS, "The job")
            if values.pop("version", VERSION) != VERSION:
                raise InputError("job", "The job file was written by another version of Crop Transfer.")
            for key in ("source", "target"):
                bands = [checked(band, BAND_KINDS, f"A band of its {key}") for band in values.get(key, ())]
                values[key] = tuple(StackBand(**band) for band in bands)
            if values.get("labels"):
                values["labels"] = LabelLayer(**checked(values["labels"], LABEL_KINDS, "Its labels"))
                _check_texts("a class of its labels", values["labels"].classes.values())
            for key in ("bands", "indices"):
                _check_texts(f"a name of '{key}'", values.get(key, ()))
                values[key] = tuple(values.get(key, ()))
            for key, hidden in (values.get("quality") or {}).items():
                if not isinstance(hidden, list):
                    raise TypeError(f"'{key}' of its quality is {hidden!r}, not a list of values or bits")
            if not values.get("id", "0").isalnum():
                raise ValueError("its id is part of file names and must be letters and digits")
            return Job(**values)
        except (ValueError, TypeError, RecursionError) as fault:
            raise InputError("job", f"The job is not valid: {fault}.", "See docs/jobs.md for its form.") from fault
