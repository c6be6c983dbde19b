"""A comparison: the runs that are missing side by side, finished runs kept, the files at the end."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError, writing
from ...evaluation.ranking import FOREST, add_gaps, describe_results, mean_over, method_title, summarize_methods
from ...evaluation.run_method import RunTask, options_of
from ...evaluation.transfers import Transfer, pack, score
from ...methods import METHODS
from ...progress import Progress
from ..checks.comparison import plan_problems, read_data
from ..checks.outputs import output_problems
from ..protocol import ERROR, RESULT
from ..specs.comparison import Comparison
from ..storage.comparison_log import ComparisonLog, code_digest, content_digest, run_key
from ..storage.partial_outputs import part_path, publish_parts, remove_parts
from .child_processes import STARTED, Work, run_side_by_side
from .result import Result

if TYPE_CHECKING:
    from ...reports.comparison_report import ComparisonPage


READ, COMPARE, DRAW = "Reading the series", "Comparing the methods", "Drawing the page"
FIGURES = ("oa", "macro_f1", "kappa", "f1_per_class", "confusion", "fit_seconds", "predict_seconds")


@dataclass(frozen=True)
class Run:
    """A run of the comparison."""

    transfer: Transfer
    """On what."""
    task: RunTask
    """With what."""

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"{self.transfer.name}, {method_title(self.task.row_method)}, seed {self.task.seed}"


def run_comparison(comparison: Comparison, progress: Progress) -> Result:
    """Run a comparison: results, table and page are written when all runs are done.

    A comparison that was interrupted continues when it is started again: finished runs are kept beside the output
    until all is written.

    Parameters
    ----------
    comparison : Comparison
    progress : Progress

    Returns
    -------
    Result
        Its ``summary``: ``rows`` (means and deviations by transfer and method), ``mean_oa`` (by method, over all
        transfers), ``reading`` (the same in words), ``failed`` (runs that broke down), ``warnings``, ``seconds``.

    Raises
    ------
    InputError
        The first problem of :func:`check_comparison`.
    Cancelled
        The user cancelled; the finished runs are kept.
    """
    progress.update(0.0)
    for problem in (*plan_problems(comparison), *output_problems(comparison)):
        raise problem
    progress.plan({READ: 1.0, COMPARE: 97.0, DRAW: 2.0})
    progress.stage(READ)
    transfers = read_data(comparison)
    progress.warn_once(f"{transfer.name}: {note}" for transfer in transfers for note in transfer.notes)
    runs = _runs(comparison, transfers)
    log = ComparisonLog.beside(comparison.output)
    try:
        progress.stage(COMPARE)
        done = _do_all(runs, comparison.workers or _cores(), log, progress)
        rows = [_row(run, outcome) for run, outcome in zip(runs, done)]
        failed = [f"{run.title}: {outcome['failure']}" for run, outcome in zip(runs, done) if "failure" in outcome]
        summaries = summarize_methods(rows)
        add_gaps(rows, summaries)
        words = describe_results(summaries)
        progress.stage(DRAW)
        # Imported here: drawing takes its time to load, and a comparison that is cancelled needs none of it.
        from ...reports.comparison_report import ComparisonPage

        page = ComparisonPage(Path(comparison.output).stem, transfers, rows, summaries, words, _maps(runs, done))
        _write(comparison, page, progress)
        published = publish_parts(comparison, comparison.outputs())
    finally:
        remove_parts(comparison)
    if not failed:
        log.remove()
    progress.finish()
    summary = {
        "rows": [one.as_json() for one in summaries],
        "mean_oa": mean_over(summaries, [one.name for one in transfers], "oa"),
        "reading": words,
        "failed": failed,
        "warnings": list(progress.warnings),
        "seconds": dict(progress.seconds),
    }
    return Result(published, summary)


def _cores() -> int:
    """Cores that this process may use: on a cluster fewer than the machine has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Windows and macOS
        return os.cpu_count() or 1


def _runs(comparison: Comparison, transfers: Sequence[Transfer]) -> list[Run]:
    """All runs in the order of the results: by transfer, the oracle first, then by method and seed."""
    runs = []
    for transfer in transfers:
        if comparison.oracle:
            options = options_of(comparison.oracle, comparison.options)
            if comparison.oracle == FOREST:
                # A draft saves the steps of the networks; a yardstick of fewer trees would save nothing and mislead.
                options.pop("steps_scale", None)
            runs += [Run(transfer, RunTask(comparison.oracle, seed, options, True)) for seed in comparison.seeds]
        for method in comparison.methods:
            options = options_of(method, comparison.options)
            for seed in comparison.seeds:
                runs.append(Run(transfer, RunTask(method, seed, options, False, seed == comparison.seeds[0])))
    return runs


def _do_all(runs: Sequence[Run], workers: int, log: ComparisonLog, progress: Progress) -> list[dict[str, Any]]:
    """The outcome of each run, from the log where it has it; a broken run has a key ``failure``."""
    finished = log.read()
    data = {id(run.transfer): content_digest(run.transfer.source, run.transfer.target) for run in runs}
    code = code_digest()
    keys = [run_key(data[id(run.transfer)], vars(run.task), code) for run in runs]
    outcomes = [finished.get(key, {}) for key in keys]
    todo = [number for number, outcome in enumerate(outcomes) if not outcome]
    if kept := len(runs) - len(todo):
        progress.warning(f"{kept} of {len(runs)} runs were finished before and are reused.")
    packed: dict[tuple[int, bool], tuple[bytes, ...]] = {}
    works = []
    for number in todo:
        run, domains = runs[number], (id(runs[number].transfer), runs[number].task.oracle)
        if domains not in packed:
            packed[domains] = _pack(run)
        works.append(Work(run.task, packed[domains]))
    shares = np.array([METHODS[runs[number].task.method].seconds for number in todo])
    fractions = np.zeros(len(todo))
    for position, event in run_side_by_side(works, workers, progress.check):
        number = todo[position]
        run = runs[number]
        if event["event"] == STARTED:
            progress.part(run.title)
        elif event["event"] == "progress":
            fractions[position] = event["fraction"]
        elif event["event"] in (RESULT, ERROR):
            fractions[position] = 1.0
            outcome = outcomes[number] = _outcome(run, event, code, progress)
            if "failure" not in outcome:
                if code_digest() == code:
                    log.add(keys[number], outcome)
                else:
                    outcome["notes"].append("The engine's code changed while this ran.")
            progress.metric("run", _figures(run, outcome))
        progress.update(float((shares * fractions).sum() / shares.sum()))
    return outcomes


def _outcome(run: Run, event: Mapping[str, Any], code: str, progress: Progress) -> dict[str, Any]:
    """What came of a run by its last event; with a key ``failure`` where it broke down."""
    notes = (
        ["The process of the run did not end by itself after its last event and was killed."] if event["hung"] else []
    )
    if event["event"] == RESULT:
        outcome = _scored(run, event["summary"], code)
        outcome["notes"] += notes
        return outcome
    # Workers end by themselves only when they fail: on a cancel, ``tick`` raises first.
    progress.check()
    if event["code"] == "option":
        hint = f"{event['hint']} A setting of one method alone is named METHOD.NAME."
        raise InputError("option", f"{method_title(run.task.method)}: {event['message']}", hint)
    progress.warning(f"{run.title} failed: {event['message']}")
    print(event["log"], file=sys.stderr)
    return {"failure": event["message"], "notes": [f"Failed: {event['message']}", *notes], "code": code}


def _pack(run: Run) -> tuple[bytes, ...]:
    """The series that the process of a run may see: only the oracle's has the labels of the target."""
    if run.task.oracle:
        return (pack(run.transfer.target, labels=True),)
    return pack(run.transfer.source, labels=True), pack(run.transfer.target, labels=False)


def _scored(run: Run, answer: Mapping[str, Any], code: str) -> dict[str, Any]:
    outcome = {key: answer[key] for key in ("fit_seconds", "predict_seconds", "peak_memory_mb", "model_id")}
    outcome |= {"notes": list(answer["notes"]), "features": answer["features"], "code": code}
    if answer["predicted"]:
        outcome |= score(run.transfer, np.array(answer["predicted"]))
    return outcome


def _row(run: Run, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the results; without figures where the run failed or was not possible."""
    row = {"transfer": run.transfer.name, "method": run.task.row_method, "seed": run.task.seed}
    row |= {key: outcome.get(key) for key in FIGURES}
    row |= {"n_source": len(run.transfer.source), "n_target": len(run.transfer.target), "notes": outcome["notes"]}
    if run.task.oracle:
        row["n_source"] = 0
    row |= {key: outcome.get(key) for key in ("peak_memory_mb", "model_id", "prediction_id", "code")}
    return {**row, "options": run.task.options}


def _figures(run: Run, outcome: Mapping[str, Any]) -> dict[str, Any]:
    values = {key: outcome.get(key) for key in ("oa", "macro_f1", "fit_seconds", "peak_memory_mb", "notes")}
    return {"transfer": run.transfer.name, "method": run.task.row_method, "seed": run.task.seed, **values}


def _maps(runs: Sequence[Run], outcomes: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Feature maps by transfer and method."""
    found = {}
    for run, outcome in zip(runs, outcomes):
        if outcome.get("features"):
            found[run.transfer.name, run.task.row_method] = outcome["features"]
    return found


def _write(comparison: Comparison, page: ComparisonPage, progress: Progress) -> None:
    from ...reports.comparison_report import write_comparison_report

    outputs = comparison.outputs()
    part = {role: part_path(path, comparison.id) for role, path in outputs.items()}
    with writing(outputs["results"]):
        part["results"].write_text(json.dumps(page.rows, indent=1, allow_nan=False, ensure_ascii=False), "utf-8")
    with writing(outputs["csv"]):
        _write_csv(part["csv"], page.rows)
    with writing(outputs["report"]):
        write_comparison_report(part["report"], page, progress)


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line a run: the plain values as they are, F1 a column a class, notes as one text."""
    crops = list(dict.fromkeys(crop for row in rows for crop in row["f1_per_class"] or ()))
    plain = [key for key in rows[0] if key not in ("f1_per_class", "confusion", "notes", "options")]
    # With a byte order mark: without it Excel takes the names of crops for another alphabet.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*plain, *(f"f1 {crop}" for crop in crops), "notes"])
        for row in rows:
            f1 = [(row["f1_per_class"] or {}).get(crop) for crop in crops]
            writer.writerow([*(row[key] for key in plain), *f1, " ".join(row["notes"])])
