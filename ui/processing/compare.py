"""``croptransfer:compare``: fit methods on transfers with known crops, and measure the accuracy of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterString,
    QgsProcessingUtils,
)

from ...engine.errors import InputError
from ...engine.evaluation.ranking import GHCA, MeanStd, method_title
from ...engine.evaluation.run_method import ORACLE
from ...engine.tasks import Comparison, Result, check_comparison
from ...engine.tasks.runs.comparison import COMPARE, DRAW, READ
from ...engine.tasks.storage.comparison_log import ComparisonLog
from ..common.qt import tr
from .base import EngineAlgorithm
from .choices import METHOD_CHOICES, choice_lines
from .values import Values, names

MAX_SEEDS = 100


class CompareAlgorithm(EngineAlgorithm):
    """A comparison of methods as a Processing algorithm."""

    ID = "compare"
    TITLE = "Compare methods of transfer"
    GROUP = "Evaluation"
    GROUP_ID = "evaluation"
    TAGS = "crop,accuracy,benchmark,evaluation,domain adaptation,ghca,random forest"
    SUMMARY = "Measures how well each method transfers to a target whose crops are known."
    ABOUT = (
        "Measures how well each method transfers from a labelled source to a target whose crops are known, before you "
        "rely on it where they are not.\n"
        "Every method learns from the source and sees the target without labels, once with every seed; the target's "
        "labels only score the predictions. The oracle, a random forest, learns from labels inside the target: about "
        "what field work there would give.\n"
        "Give the series files of a source and a target, or a splits file and names of transfers in it. There is one "
        "run per method and seed, and each takes minutes. A cancelled comparison continues when you run it again with "
        "the same results file.\n"
        "Methods:\n{methods}"
    )
    WORDS = {"methods": choice_lines(METHOD_CHOICES)}
    HELP = {
        "SOURCE": "Labelled time series of pixels (.npz) from which every method learns.",
        "TARGET": (
            "Time series (.npz) of the region or year to transfer to, with the bands and class names of the source. No "
            "method sees its labels: they only score."
        ),
        "SPLITS": "A file (.json) that names transfers between parts of the series files beside it.",
        "SPLIT": "Names of transfers in the splits file, separated by commas.",
        "METHODS": "Methods to compare.",
        "SEEDS": "Number of runs of every method; their spread shows how much of a difference is chance.",
        "WORKERS": "Each run takes one processor core and about 1 GB of memory. 0: as many as there are cores.",
        "OUTPUT": "Scores, confusion matrix, times and notes of every run.",
        "CSV": "The same as a table with one row per run.",
        "REPORT": "A page with figures: accuracies with their spread, errors by crop, features, mean curves.",
    }

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        file, to_file = QgsProcessingParameterFile, QgsProcessingParameterFileDestination
        series: dict[str, Any] = {"extension": "npz", "optional": True}
        self.add(file, "SOURCE", "Source: series file with labels", **series)
        self.add(file, "TARGET", "Target: series file with labels", **series)
        self.add(file, "SPLITS", "Splits file, instead of source and target", extension="json", optional=True)
        self.add(QgsProcessingParameterString, "SPLIT", "Transfers of the splits file", optional=True)
        self.add_choice(
            "METHODS",
            "Methods",
            METHOD_CHOICES,
            allowMultiple=True,
            defaultValue=["ghca", "source_only", "rf", "timematch"],
            # The list that QGIS 3.22 shows otherwise leaves out the names of those that are not chosen yet.
            metadata={"widget_wrapper": {"useCheckBoxes": True, "columns": 3}},
        )
        self.add_integer("SEEDS", "Number of seeds", 3, minValue=1, maxValue=MAX_SEEDS)
        self.add_integer("WORKERS", "Parallel runs", 0, minValue=0, maxValue=1000, advanced=True)
        table, page = tr("CSV files (*.csv)"), tr("HTML files (*.html)")
        self.add(to_file, "OUTPUT", "Results", fileFilter=tr("JSON files (*.json)"))
        self.add(to_file, "CSV", "Table", fileFilter=table, optional=True, createByDefault=False)
        self.add(to_file, "REPORT", "Report", fileFilter=page, optional=True)
        self.addOutput(QgsProcessingOutputString("BEST_METHOD", tr("Method with the highest accuracy")))
        self.add_numbers(
            BEST_OA="Its overall accuracy (0 to 1)",
            GHCA_OA="Overall accuracy of GHCA (0 to 1)",
            ORACLE_OA="Overall accuracy of the oracle (0 to 1)",
            GAP_CLOSED="Share of the gap between source only and oracle that GHCA closes",
            FAILED_RUNS="Number of failed runs",
        )

    # --- the run

    def gather(self, parameters: Values, context: QgsProcessingContext) -> None:
        """Resolve everything: there are no layers."""
        super().gather(parameters, context)
        self._plain["transfers"] = names(parameters.get("SPLIT"), context)
        del self._plain["split"]

    def task(self, parameters: Values, context: QgsProcessingContext, folder: str, feedback: QgsFeedback) -> Comparison:
        """The comparison; files that are not wanted go into the temporary folder."""
        fields = {**self._plain, "seeds": tuple(range(self._plain["seeds"]))}
        fields["csv"] = fields["csv"] or str(Path(folder) / "table.csv")
        fields["report"] = fields["report"] or str(Path(folder) / "report.html")
        return Comparison(**fields)

    def problems(self, task: Comparison) -> list[InputError]:
        """All that is wrong with the comparison."""
        return check_comparison(task)

    def stage_line(self, name: str) -> str:
        """Mark the start of a run; :meth:`metric_line` reports its end."""
        return name if name in (READ, COMPARE, DRAW) else tr("Started: {run}").format(run=name)

    def metric_line(self, name: str, value: Any) -> str:
        """A line for each finished run."""
        if name != "run" or value.get("oa") is None:
            return ""
        return tr("{run}: overall accuracy {oa:.3f}, macro-F1 {f1:.3f}, fitted in {seconds:.0f} s").format(
            run=f"{value['transfer']}, {method_title(value['method'])}, {tr('seed')} {value['seed']}",
            oa=value["oa"],
            f1=value["macro_f1"],
            seconds=value["fit_seconds"],
        )

    def cancel_message(self) -> str:
        """The last line after a cancel: finished runs are kept beside a results file of the user's own."""
        output = Path(self._plain["output"])
        kept = len(ComparisonLog.beside(str(output)).read())
        if not kept:
            return super().cancel_message()
        if Path(QgsProcessingUtils.tempFolder()) in output.parents:
            return tr("Cancelled; nothing was written. Choose a results file to be able to continue later.")
        message = tr("Cancelled. Finished runs kept: {count}. To continue, run again with {path}.")
        return message.format(count=kept, path=output)

    def results(self, task: Comparison, outcome: Result, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The files, and the figures worth chaining; missing figures are left out."""
        rows = outcome.summary["rows"]
        for row in rows:
            feedback.pushInfo(self._row_line(row))
        for sentence in outcome.summary["reading"]:
            feedback.pushInfo(sentence)
        failed = len(outcome.summary["failed"])
        if failed:
            feedback.reportError(tr("Failed runs: {count}. See their notes in the results.").format(count=failed))
        accuracy = outcome.summary["mean_oa"]
        gaps = [row["gap_closed_oa"] for row in rows if row["method"] == GHCA and row["gap_closed_oa"] is not None]
        best = max((method for method in accuracy if method != ORACLE), key=accuracy.__getitem__, default=None)
        figures = {
            "BEST_METHOD": best,
            "BEST_OA": accuracy.get(best),
            "GHCA_OA": accuracy.get(GHCA),
            "ORACLE_OA": accuracy.get(ORACLE),
            "GAP_CLOSED": sum(gaps) / len(gaps) if gaps else None,
            "FAILED_RUNS": failed,
        }
        written = {"OUTPUT": task.output, "CSV": self._plain["csv"], "REPORT": self._plain["report"]}
        return {name: value for name, value in {**written, **figures}.items() if value not in (None, "")}

    def _row_line(self, row: Mapping[str, Any]) -> str:
        name = f"{row['transfer']}, {method_title(row['method'])}"
        if row["oa"] is None:
            return tr("{name}: every run failed").format(name=name)
        line = tr("{name}: overall accuracy {oa}, macro-F1 {f1}, fit {seconds:.0f} s")
        oa, f1, seconds = (MeanStd(**row[key]) for key in ("oa", "macro_f1", "fit_seconds"))
        return line.format(name=name, oa=oa.text(), f1=f1.text(), seconds=seconds.mean)
