"""One job, as the dialog, the Processing algorithms, the command line and a cluster all describe it."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..imagery import LabelLayer, StackBand

VERSION = 1


@dataclass(frozen=True)
class Job:
    """Learn from a labelled source, adapt to a target stack and map it, or map it by a given model."""

    output: str
    """Path of the classified map (GeoTIFF)."""
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
    confidence: str | None = None
    """Path of the confidence raster (Byte, percent); None for none."""
    model: str | None = None
    """Path of the model file to write; None for none."""
    report: str | None = None
    """Path of the HTML report; None for none."""
    method: str = "ghca"
    """Key of ``engine.alignment.METHODS``."""
    seed: int = 0
    """Seed of everything random."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further settings of the method; empty means its defaults."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Marks the unfinished files of this job, so that they can be found and removed."""

    def outputs(self) -> dict[str, str]:
        """The files the job writes, by role: map, style, confidence, model, report."""
        style = str(Path(self.output).with_suffix(".qml"))
        written = {"map": self.output, "style": style, "confidence": self.confidence, "model": self.model}
        written["report"] = self.report
        return {role: path for role, path in written.items() if path}

    def to_json(self, indent: int | None = None) -> str:
        """The job as JSON text, in one line unless ``indent`` is given."""
        return json.dumps({"version": VERSION, **asdict(self)}, ensure_ascii=False, indent=indent)

    @staticmethod
    def from_json(text: str) -> Job:
        """The job of a JSON text; raises InputError (``job``) where it is not one."""
        try:
            values = json.loads(text)
            if values.pop("version", VERSION) != VERSION:
                raise InputError("job", "The job file was written by another version of Crop Transfer.")
            for key in ("source", "target"):
                values[key] = tuple(StackBand(**band) for band in values.get(key, ()))
            if values.get("labels"):
                values["labels"] = LabelLayer(**values["labels"])
            return Job(**values)
        except (ValueError, TypeError, AttributeError) as fault:
            raise InputError("job", f"The job is not valid: {fault}.", "See docs/jobs.md for its form.") from fault
