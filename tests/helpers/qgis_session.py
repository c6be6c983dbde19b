"""Environment and end of every test run; pytest loads it before the Qt application of pytest-qgis exists."""

from __future__ import annotations

import os
import sys

import pytest

# No display is needed; `QT_QPA_PLATFORM=xcb` shows the windows.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# With two torch threads beside a second busy process, training slows down tenfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class _End:
    """Ends the process without tearing QGIS down.

    A layer or dataset that outlives QGIS, such as one in the traceback of a failed test, ends in a
    segmentation fault, which would hide the summary or the exit code.
    """

    status: int = 0

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.status = int(exitstatus)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.status)


def pytest_configure(config: pytest.Config) -> None:
    # A process of pytest-xdist reports to the first one after this, and is ended by it.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_End(), "croptransfer-end")
