"""Score methods on transfers whose target labels are known, which no method gets to see."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..alignment import METHODS, fit
from ..errors import InputError
from ..progress import Progress
from ..series import SeriesSet, read_series
from .scores import Scores


def compare(
    transfers: Iterator[tuple[str, SeriesSet, SeriesSet]],
    methods: list[str],
    seeds: list[int],
    tell: Callable[[str], None] = lambda text: None,
    cancelled: Callable[[], bool] = lambda: False,
    options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Fit every method with every seed on every transfer and score it in the target.

    Parameters
    ----------
    transfers : (name, labelled source, labelled target) each; see :func:`read_transfers`.
    methods : keys of ``METHODS``.
    seeds : one run each.
    tell : receives one line a run.
    cancelled : asked all along; :class:`engine.errors.Cancelled` when it answers true.
    options : settings of the methods that differ from their defaults.

    Returns
    -------
    One dict a run: transfer, method, seed, oa, macro_f1, kappa, f1_per_class, confusion (rows are
    the reference), fit_seconds, predict_seconds, n_source, n_target, notes.
    """
    for method in methods:
        if method not in METHODS:
            raise InputError("method", f"There is no method '{method}'.", f"Choose from: {', '.join(METHODS)}.")
    results = []
    for name, source, target in transfers:
        reference = target.labels
        if reference is None or target.classes != source.classes or not len(target):
            raise InputError("classes-differ", f"Source and target of {name} do not have the same labelled classes.")
        # A series that was never observed gets no class, so it cannot be right or wrong.
        seen = target.observed.any(axis=1)
        target, reference = target.take(seen), reference[seen]
        if not len(target):
            raise InputError("all-nodata", f"No series of the target of {name} was ever observed.")
        blind = target.without_labels()
        for method in methods:
            for seed in seeds:
                progress = Progress(cancelled=cancelled)
                started = time.monotonic()
                model = fit(method, source, blind, seed, progress, options)
                fitted = time.monotonic()
                predicted = model.predict_proba(blind.values, blind.day).argmax(axis=1)
                done = time.monotonic()
                scores = Scores.of(reference, predicted, len(target.classes))
                results.append(
                    {
                        "transfer": name,
                        "method": method,
                        "seed": seed,
                        "oa": scores.overall_accuracy,
                        "macro_f1": scores.macro_f1,
                        "kappa": scores.kappa,
                        # JSON knows no NaN: null for a class that is neither in the reference nor predicted.
                        "f1_per_class": {
                            crop: None if math.isnan(f1) else f1 for crop, f1 in zip(target.classes, scores.f1.tolist())
                        },
                        "confusion": scores.confusion.tolist(),
                        "fit_seconds": round(fitted - started, 2),
                        "predict_seconds": round(done - fitted, 3),
                        "n_source": len(source),
                        "n_target": len(target),
                        "notes": progress.warnings,
                    }
                )
                tell(f"{name} {method} seed {seed}: OA {scores.overall_accuracy:.3f}, macro-F1 {scores.macro_f1:.3f}")
    return results


def read_transfers(splits: str | Path, names: list[str]) -> Iterator[tuple[str, SeriesSet, SeriesSet]]:
    """The named transfers of a splits file, whose series files lie beside it; InputError if unknown."""
    splits = Path(splits)
    try:
        files = json.loads(splits.read_text("utf-8"))
        found = {name: (file, split) for file, group in files.items() for name, split in group.items()}
    except (OSError, ValueError, AttributeError) as fault:
        raise InputError("splits", f"The splits file {splits} cannot be read: {fault}.") from fault
    for name in names:
        if name not in found:
            raise InputError("splits", f"{splits.name} has no transfer '{name}'.", f"It has: {', '.join(found)}.")
    for name in names:
        file, split = found[name]
        classes = tuple(split["classes"])
        yield (
            name,
            read_series(splits.parent / file, split["src"], classes),
            read_series(splits.parent / file, split["tgt"], classes),
        )
