"""Transfers whose target labels are known, their series packed for a run, and the score of its predictions.

The process that fits a method gets the target without labels (:func:`pack` leaves them out); they exist only
where predictions are scored (:func:`score`).
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..series import SeriesSet, describe_draw, read_series, require_source
from ..series.class_spelling import match_names, matched_sentence
from ..series.magnitudes import magnitudes, unit_warnings
from ..series.season_overlap import season_warnings
from ..text_files import read_text_file
from .metrics import Scores

SOURCE_SERIES = 20_000
"""Series of a class that a comparison reads of a source at most: ten times as many as a job."""
TARGET_SERIES = 200_000
"""Series of a target that a comparison reads at most, drawn at random: more would change the accuracy by about a
tenth of a percentage point."""


@dataclass(frozen=True)
class Transfer:
    """A labelled source, and a target whose labels are known and only score."""

    name: str
    """Name for people."""
    source: SeriesSet
    """Labelled series to learn from."""
    target: SeriesSet
    """Labelled series to score on, with the bands and classes of the source; each was observed at least once."""
    notes: tuple[str, ...] = ()
    """What of the files was left out, in sentences."""

    @staticmethod
    def of(name: str, source: SeriesSet, target: SeriesSet) -> Transfer:
        """Bring the target to the bands and classes of the source.

        Parameters
        ----------
        name : str
            Name of the transfer for people.
        source, target : SeriesSet
            Labelled series of both domains.

        Raises
        ------
        InputError
            ``no-labels``, ``one-class``, ``few-samples``, ``bands-differ``, ``classes-differ`` or ``all-nodata``.
        """
        require_source(source, f"the source of {name}")
        notes = [*describe_draw(source, SOURCE_SERIES, f"the source of {name}")]
        if target.labels is None:
            raise InputError("no-labels", f"The target of {name} has no labels (key 'y') to score with.")
        if target.population is not None:
            whole = int(target.population.sum())
            notes.append(f"{len(target):,} of the {whole:,} target series are used, drawn at random.")
        target = target.with_bands(source.bands)
        spelled = match_names(target.classes, source.classes)
        notes += matched_sentence(spelled, f"the target of {name}")
        target = replace(target, classes=tuple(spelled.get(crop, crop) for crop in target.classes))
        for index, crop in enumerate(target.classes):
            count = int(np.count_nonzero(target.labels == index))
            if crop not in source.classes and count:
                notes.append(f"{count:,} target series of {crop}, which the source does not have, are left out.")
        target = target.with_classes(source.classes)
        if not len(target):
            message = f"Source and target of {name} have no class in common."
            raise InputError("classes-differ", message, "Use the same class names in both.")
        # A series that was never observed gets no class, so it cannot be right or wrong.
        seen = target.observed.any(axis=1)
        if not seen.any():
            raise InputError("all-nodata", f"No series of the target of {name} was ever observed.")
        if not seen.all():
            notes.append(f"{int((~seen).sum()):,} target series that were never observed are left out.")
        target = target.take(seen)
        sides, hint = ("the source", "the target"), "Give both in one unit, such as reflectance from 0 to 1."
        notes += unit_warnings(magnitudes(source), magnitudes(target), sides, hint)
        notes += season_warnings(source.day, target.day, sides)
        return Transfer(name, source, target, tuple(notes))


def read_transfers(splits: str | Path, names: Sequence[str]) -> Iterator[tuple[str, SeriesSet, SeriesSet]]:
    """Read the named transfers of a splits file, whose series files are in the same folder.

    Parameters
    ----------
    splits : str or Path
        Path of the splits file (JSON).
    names : sequence of str
        Names of transfers.

    Yields
    ------
    tuple
        Name, source and target (:class:`SeriesSet`) of each.

    Raises
    ------
    InputError
        ``splits`` when the file cannot be read or lacks a transfer, and as :func:`read_series`.
    """
    splits = Path(splits)
    try:
        files = json.loads(read_text_file(splits))
        found = {
            name: (file, split["src"], split["tgt"], tuple(split["classes"]))
            for file, group in files.items()
            for name, split in group.items()
        }
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as fault:
        reason = f"the key {fault} is missing" if isinstance(fault, KeyError) else fault
        raise InputError("splits", f"The splits file {splits} cannot be read: {reason}.") from fault
    for name in names:
        if name not in found:
            raise InputError("splits", f"{splits.name} has no transfer '{name}'.", f"It has: {', '.join(found)}.")
    for name in names:
        file, source, target, classes = found[name]
        path = splits.parent / file
        yield name, read_source(path, source, classes), read_target(path, target, classes)


def read_splits(splits: str | Path, names: Sequence[str]) -> list[Transfer]:
    """Read the named transfers of a splits file.

    ``splits`` and ``names`` as of :func:`read_transfers`, which raises the same, and :meth:`Transfer.of`.
    """
    return [Transfer.of(name, source, target) for name, source, target in read_transfers(splits, names)]


def read_files(source: str | Path, target: str | Path) -> Transfer:
    """Read the transfer between two whole series files; raises as :func:`read_series` and :meth:`Transfer.of`.

    Parameters
    ----------
    source, target : str or Path
        Paths of series files.
    """
    return Transfer.of(f"{Path(source).stem} to {Path(target).stem}", read_source(source), read_target(target))


def read_source(path: str | Path, part: Mapping[str, Any] | None = None, classes: tuple[str, ...] = ()) -> SeriesSet:
    """Read the source of a comparison: of larger classes a draw of ``SOURCE_SERIES``.

    ``path``, ``part`` and ``classes`` as of :class:`SeriesFile`.
    """
    return read_series(path, part, classes, SOURCE_SERIES)


def read_target(path: str | Path, part: Mapping[str, Any] | None = None, classes: tuple[str, ...] = ()) -> SeriesSet:
    """Read the target of a comparison: a draw of ``TARGET_SERIES`` in their natural class shares where it has more.

    ``path``, ``part`` and ``classes`` as of :class:`SeriesFile`.
    """
    return read_series(path, part, classes, TARGET_SERIES, by_class=False)


def pack(series: SeriesSet, labels: bool) -> bytes:
    """Pack series for another process.

    Parameters
    ----------
    series : SeriesSet
        What to pack.
    labels : bool
        Whether labels, classes and groups go with the values; without, a process cannot see them.
    """
    fields: dict[str, np.ndarray] = {"values": series.values, "day": series.day, "bands": np.array(series.bands)}
    if labels and series.labels is not None:
        fields |= {"labels": series.labels, "classes": np.array(series.classes)}
    if labels and series.group is not None:
        fields["group"] = series.group
    if labels and series.population is not None:
        fields["population"] = series.population
    buffer = io.BytesIO()
    np.savez(buffer, **fields)
    return buffer.getvalue()


def unpack(data: bytes) -> SeriesSet:
    """Unpack what :func:`pack` packed.

    Parameters
    ----------
    data : bytes
        Packed series.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        fields = {key: file[key] for key in file.files}
    return SeriesSet(
        values=fields["values"],
        day=fields["day"],
        bands=tuple(map(str, fields["bands"])),
        labels=fields.get("labels"),
        classes=tuple(map(str, fields.get("classes", ()))),
        group=fields.get("group"),
        population=fields.get("population"),
    )


def score(transfer: Transfer, predicted: np.ndarray) -> dict[str, Any]:
    """Compare predictions with the target's labels.

    Parameters
    ----------
    transfer : Transfer
        The transfer whose target was predicted.
    predicted : (n,) int64
        Class index of each target series.

    Returns
    -------
    dict
        JSON-ready figures of a row of the results.
    """
    reference = transfer.target.labels
    if reference is None:
        raise ValueError("the target has no labels")
    scores = Scores.of(reference, predicted, len(transfer.target.classes))
    return {
        "oa": scores.overall_accuracy,
        "macro_f1": scores.macro_f1,
        "kappa": scores.kappa,
        # JSON knows no NaN: null for a class that is neither in the reference nor predicted.
        "f1_per_class": {
            crop: None if math.isnan(f1) else f1 for crop, f1 in zip(transfer.target.classes, scores.f1.tolist())
        },
        "confusion": scores.confusion.tolist(),
        "prediction_id": hashlib.sha256(np.asarray(predicted, np.int64).tobytes()).hexdigest()[:16],
    }
