"""Buttons that write the band table of a stack, and read a corrected one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qgis.PyQt.QtWidgets import QFileDialog, QWidget

from ...engine.errors import InputError
from ...engine.imagery.geo.types import StackBand
from ...engine.imagery.stack.band_report import report_bands
from ...engine.tasks.specs.band_table import read_band_table, write_band_table
from ..common import settings
from ..common.background import Background
from ..common.files import choose_files
from ..common.qt import make_button, make_row

WRITTEN = "Band tables (*.csv)"
FILTER = "Band tables (*.csv *.tsv *.txt *.xlsx *.ods)"


class TableButtons(QWidget):
    """Two buttons in a row.

    Parameters
    ----------
    bands : returns the bands of the stack.
    take : makes bands the stack.
    report : shows a sentence; the flag says whether it is about a fault.
    """

    def __init__(
        self,
        bands: Callable[[], Sequence[StackBand]],
        take: Callable[[Sequence[StackBand]], None],
        report: Callable[[str, bool], None],
    ) -> None:
        super().__init__()
        self._bands, self._take, self._report = bands, take, report
        self._writer = Background(self)
        self._writer.done.connect(lambda path: report(self.tr("Band table written: {path}").format(path=path), False))
        self._writer.failed.connect(lambda fault: report(str(fault), True))
        export_tip = self.tr("Write dates, bands, scale and nodata as a table (CSV), to correct it in a spreadsheet")
        self.export_button = make_button(self.tr("E&xport table…"), export_tip, self._choose_export)
        import_tip = self.tr("Read a corrected band table: its rows become the stack")
        self.import_button = make_button(self.tr("&Import table…"), import_tip, self._choose_import)
        make_row(None, self.export_button, self.import_button, owner=self)

    def export_table(self, path: str) -> None:
        """Write the band table on a thread: a few pixels of each file are read."""
        bands = list(self._bands())
        self._writer.submit(lambda: _write(bands, path))

    def import_table(self, path: str) -> None:
        """Make the rows of a band table the stack."""
        try:
            bands = read_band_table(path)
        except InputError as problem:
            self._report(str(problem), True)
            return
        self._take(bands)

    def shut_down(self) -> None:
        """End the writing thread."""
        self._writer.stop()

    def _choose_export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, self.tr("Band table"), str(settings.get("folder", "")), WRITTEN)
        if path:
            self.export_table(path if path.lower().endswith(".csv") else f"{path}.csv")

    def _choose_import(self) -> None:
        for path in choose_files(self, self.tr("Band table"), FILTER, several=False):
            self.import_table(path)


def _write(bands: Sequence[StackBand], path: str) -> str:
    """Write the band table of some bands; returns its path."""
    rows, _ = report_bands(bands)
    write_band_table(rows, path)
    return path
