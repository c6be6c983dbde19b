"""The plugin object that QGIS creates: its provider, menu entry and dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QCoreApplication, QLocale, QSettings, QTranslator
from qgis.PyQt.QtWidgets import QAction

from .ui.common.icons import FOLDER, icon
from .ui.processing.provider import CropTransferProvider

if TYPE_CHECKING:
    from .ui.transfer.dialog import TransferDialog


class CropTransferPlugin:
    """Crop Transfer in one QGIS.

    Parameters
    ----------
    iface : ``QgisInterface`` or None
        None in ``qgis_process``, which calls :meth:`initProcessing` and never :meth:`initGui`.
    """

    def __init__(self, iface: Any) -> None:
        self.iface = iface
        self.provider: CropTransferProvider | None = None
        self.action: QAction | None = None
        self.dialog: TransferDialog | None = None
        self._translator = self._translate()

    def initProcessing(self) -> None:
        """Add the Processing provider."""
        self.provider = CropTransferProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """Add the provider, the entry in the Raster menu and the toolbar button."""
        self.initProcessing()
        title = QCoreApplication.translate("CropTransfer", "Map crops…")
        self.action = QAction(icon("croptransfer"), title, self.iface.mainWindow())
        self.action.setObjectName("cropTransferAction")
        self.action.setToolTip(
            QCoreApplication.translate("CropTransfer", "Map crops without field labels, from a labelled region or year")
        )
        self.action.triggered.connect(self.open_dialog)
        self.iface.addPluginToRasterMenu("Crop Transfer", self.action)
        # QGIS hides the Raster toolbar in a new profile; the Plugins toolbar is there.
        self.iface.addToolBarIcon(self.action)

    def unload(self) -> None:
        """Remove everything again; a running job is cancelled."""
        if self.dialog is not None:
            self.dialog.shut_down()
            self.dialog.deleteLater()
            self.dialog = None
        if self.action is not None:
            self.iface.removePluginRasterMenu("Crop Transfer", self.action)
            self.iface.removeToolBarIcon(self.action)
            self.action.deleteLater()
            self.action = None
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
        if self._translator is not None:
            QCoreApplication.removeTranslator(self._translator)

    def open_dialog(self) -> None:
        """Show the dialog; there is only one, which keeps its entries."""
        from .ui.transfer.dialog import TransferDialog

        if self.dialog is None:
            self.dialog = TransferDialog(self.iface)
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    @staticmethod
    def _translate() -> QTranslator | None:
        locale = str(QSettings().value("locale/userLocale", "") or QLocale().name())[:2]
        file = FOLDER.parent / "translations" / f"croptransfer_{locale}.qm"
        if not file.exists():
            return None
        translator = QTranslator()
        translator.load(str(file))
        QCoreApplication.installTranslator(translator)
        return translator
