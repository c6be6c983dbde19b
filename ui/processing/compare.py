"""``croptransfer:compare``: fit methods on transfers whose truth is known, and say how good each is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsProcessingUtils,
)

from ...engine.errors import InputError
from ...engine.evaluation.ranking import GHCA, Spread, method_title
from ...engine.evaluation.run_method import ORACLE
from ...engine.methods import METHODS
from ...engine.tasks import Comparison, check_comparison
from ...engine.tasks.runs.comparison import COMPARE, DRAW, READ
from ...engine.tasks.storage.comparison_log import ComparisonLog
from ..engine_process.worker import Outcome
from .base import EngineAlgorithm
from .methods import MethodParameter, method_lines
from .values import names

MOST_SEEDS = 100


class CompareAlgorithm(EngineAlgorithm):
    """A comparison of methods as a Processing algorithm."""

    SOURCE = "SOURCE"
    TARGET = "TARGET"
    SPLITS = "SPLITS"
    SPLIT = "SPLIT"
    METHODS = "METHODS"
    SEEDS = "SEEDS"
    WORKERS = "WORKERS"
    OUTPUT = "OUTPUT"
    CSV = "CSV"
    REPORT = "REPORT"
    BEST_METHOD = "BEST_METHOD"
    BEST_OA = "BEST_OA"
    GHCA_OA = "GHCA_OA"
    ORACLE_OA = "ORACLE_OA"
    GAP_CLOSED = "GAP_CLOSED"
    FAILED_RUNS = "FAILED_RUNS"

    def name(self) -> str:
        """Id of the algorithm."""
        return "compare"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Compare methods of transfer")

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Evaluation")

    def groupId(self) -> str:
        """Id of the group."""
        return "evaluation"

    def tags(self) -> list[str]:
        """Words that find it."""
        return "crop,accuracy,benchmark,evaluation,domain adaptation,ghca,random forest".split(",")

    def shortDescription(self) -> str:
        """One line for the toolbox."""
        return self.tr("Tells how well each method transfers to a target whose crops are known.")

    def shortHelpString(self) -> str:
        """Help beside the parameters."""
        return self.tr(
            "Tells how well each method carries over from a labelled source to a target whose crops are known, before "
            "you rely on it where they are not.\n"
            "Every method learns from the source and sees the target without labels, once with every seed; its labels "
            "only score the predictions. The oracle beside them, a random forest, learns from labels inside the "
            "target: about what field work there would give.\n"
            "Give the series files of a source and a target, or a splits file and names of transfers in it. There is a "
            "run for each method and seed, and each takes minutes. A comparison that was cancelled goes on where it "
            "was when it is run again with the same results file.\n"
            "Methods:\n{methods}"
        ).format(methods=method_lines())

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self._add_data()
        self._add_plan()
        self._add_outputs()

    def _add_data(self) -> None:
        self.add(
            QgsProcessingParameterFile(
                self.SOURCE, self.tr("Source: series file with labels"), extension="npz", optional=True
            ),
            self.tr("Labelled time series of pixels (.npz) from which every method learns."),
        )
        self.add(
            QgsProcessingParameterFile(
                self.TARGET, self.tr("Target: series file with labels"), extension="npz", optional=True
            ),
            self.tr(
                "Time series (.npz) of the region or year to transfer to, with bands and class names of the source. "
                "No method sees its labels: they only score."
            ),
        )
        self.add(
            QgsProcessingParameterFile(
                self.SPLITS,
                self.tr("Splits file, instead of source and target"),
                extension="json",
                optional=True,
            ),
            self.tr("A file (.json) that names transfers between parts of the series files beside it."),
        )
        self.add(
            QgsProcessingParameterString(self.SPLIT, self.tr("Transfers of the splits file"), optional=True),
            self.tr("Names of transfers in the splits file, separated by commas."),
        )

    def _add_plan(self) -> None:
        methods = MethodParameter(
            self.METHODS,
            self.tr("Methods"),
            list(METHODS),
            allowMultiple=True,
            defaultValue=["ghca", "source_only", "rf", "timematch"],
            usesStaticStrings=True,
        )
        # The list that QGIS 3.22 shows otherwise leaves out the names of those that are not chosen yet.
        methods.setMetadata({"widget_wrapper": {"useCheckBoxes": True, "columns": 3}})
        self.add(methods, self.tr("Methods to compare.") + f"\n{method_lines()}")
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(
            QgsProcessingParameterNumber(
                self.SEEDS, self.tr("Number of seeds"), integer, defaultValue=3, minValue=1, maxValue=MOST_SEEDS
            ),
            self.tr("Every method is fitted so many times; the spread tells how much of a difference is chance."),
        )
        self.add(
            QgsProcessingParameterNumber(
                self.WORKERS, self.tr("Runs at the same time"), integer, defaultValue=0, minValue=0, maxValue=1000
            ),
            self.tr("Each takes one processor core and about 1 GB of memory. 0: as many as there are cores."),
            advanced=True,
        )

    def _add_outputs(self) -> None:
        self.add(
            QgsProcessingParameterFileDestination(self.OUTPUT, self.tr("Results"), self.tr("JSON files (*.json)")),
            self.tr("Scores, confusion matrix, times and notes of every run."),
        )
        self.add(
            QgsProcessingParameterFileDestination(
                self.CSV, self.tr("Table"), self.tr("CSV files (*.csv)"), optional=True, createByDefault=False
            ),
            self.tr("The same as a table with one row a run."),
        )
        self.add(
            QgsProcessingParameterFileDestination(
                self.REPORT, self.tr("Report"), self.tr("HTML files (*.html)"), optional=True
            ),
            self.tr("A page with pictures: accuracies with their spread, errors by crop, features, mean curves."),
        )
        self.addOutput(QgsProcessingOutputString(self.BEST_METHOD, self.tr("Method with the highest accuracy")))
        self.addOutput(QgsProcessingOutputNumber(self.BEST_OA, self.tr("Its overall accuracy (0 to 1)")))
        self.addOutput(QgsProcessingOutputNumber(self.GHCA_OA, self.tr("Overall accuracy of GHCA (0 to 1)")))
        self.addOutput(QgsProcessingOutputNumber(self.ORACLE_OA, self.tr("Overall accuracy of the oracle (0 to 1)")))
        self.addOutput(
            QgsProcessingOutputNumber(
                self.GAP_CLOSED, self.tr("Share of the gap between source only and oracle that GHCA closes")
            )
        )
        self.addOutput(QgsProcessingOutputNumber(self.FAILED_RUNS, self.tr("Number of runs that failed")))

    # --- the run

    def gather(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Resolve everything: there are no layers."""
        methods = parameters.get(self.METHODS)
        if methods is None:
            methods = self.parameterDefinition(self.METHODS).defaultValue()
        self._plain |= {
            "source": self.parameterAsString(parameters, self.SOURCE, context) or None,
            "target": self.parameterAsString(parameters, self.TARGET, context) or None,
            "splits": self.parameterAsString(parameters, self.SPLITS, context) or None,
            "transfers": names(parameters.get(self.SPLIT), context),
            # QGIS puts the defaults in the place of a name that it does not know.
            "methods": names(methods, context),
            "seeds": tuple(range(self.parameterAsInt(parameters, self.SEEDS, context))),
            "workers": self.parameterAsInt(parameters, self.WORKERS, context),
            "output": self.parameterAsFileOutput(parameters, self.OUTPUT, context),
            "csv": self.parameterAsFileOutput(parameters, self.CSV, context),
            "report": self.parameterAsFileOutput(parameters, self.REPORT, context),
        }

    def task(
        self, parameters: dict[str, Any], context: QgsProcessingContext, folder: str, feedback: QgsFeedback
    ) -> Comparison:
        """The comparison; what is not wanted of its files goes with the temporary folder."""
        fields = dict(self._plain)
        fields["csv"] = fields["csv"] or str(Path(folder) / "table.csv")
        fields["report"] = fields["report"] or str(Path(folder) / "report.html")
        return Comparison(**fields)

    def problems(self, task: Comparison) -> list[InputError]:
        """All that is wrong with the comparison."""
        return check_comparison(task)

    def stage_line(self, name: str) -> str:
        """Tell the start of a run apart from its end, which :meth:`metric_line` tells."""
        return name if name in (READ, COMPARE, DRAW) else self.tr("Started: {run}").format(run=name)

    def metric_line(self, name: str, value: Any) -> str:
        """A line for each finished run."""
        if name != "run" or value.get("oa") is None:
            return ""
        return self.tr("{run}: overall accuracy {oa:.3f}, macro-F1 {f1:.3f}, fitted in {seconds:.0f} s").format(
            run=f"{value['transfer']}, {method_title(value['method'])}, {self.tr('seed')} {value['seed']}",
            oa=value["oa"],
            f1=value["macro_f1"],
            seconds=value["fit_seconds"],
        )

    def cancel_message(self) -> str:
        """What is said after a cancel: the finished runs are kept where they can be found again."""
        output = Path(self._plain["output"])
        kept = len(ComparisonLog.beside(str(output)).read())
        if not kept:
            return super().cancel_message()
        if Path(QgsProcessingUtils.tempFolder()) in output.parents:
            return self.tr(
                "Cancelled; nothing was written. With a results file of your own it could have gone on later."
            )
        message = self.tr("Cancelled. Finished runs: {count}; they are kept. To go on, run it again with {path}.")
        return message.format(count=kept, path=output)

    def results(self, task: Comparison, outcome: Outcome, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The files, and the figures worth chaining; a figure that there is not is left out."""
        rows = outcome.summary["rows"]
        for row in rows:
            feedback.pushInfo(self._row_line(row))
        for sentence in outcome.summary["reading"]:
            feedback.pushInfo(sentence)
        failed = len(outcome.summary["failed"])
        if failed:
            feedback.reportError(
                self.tr("Failed runs: {count}. Their notes in the results say why.").format(count=failed)
            )
        accuracy = outcome.summary["mean_oa"]
        gaps = [row["gap_closed_oa"] for row in rows if row["method"] == GHCA and row["gap_closed_oa"] is not None]
        best = max((method for method in accuracy if method != ORACLE), key=accuracy.__getitem__, default=None)
        figures = {
            self.BEST_METHOD: best,
            self.BEST_OA: accuracy.get(best),
            self.GHCA_OA: accuracy.get(GHCA),
            self.ORACLE_OA: accuracy.get(ORACLE),
            self.GAP_CLOSED: sum(gaps) / len(gaps) if gaps else None,
            self.FAILED_RUNS: failed,
        }
        written = {self.OUTPUT: task.output, self.CSV: self._plain["csv"], self.REPORT: self._plain["report"]}
        return {name: value for name, value in {**written, **figures}.items() if value not in (None, "")}

    def _row_line(self, row: Mapping[str, Any]) -> str:
        name = f"{row['transfer']}, {method_title(row['method'])}"
        if row["oa"] is None:
            return self.tr("{name}: no run has figures").format(name=name)
        line = self.tr("{name}: overall accuracy {oa}, macro-F1 {f1}, fit {seconds:.0f} s")
        oa, f1, seconds = (Spread(**row[key]) for key in ("oa", "macro_f1", "fit_seconds"))
        return line.format(name=name, oa=oa.text(), f1=f1.text(), seconds=seconds.mean)
