"""One :class:`Job` for all faces, its check, its run, and the ways to start it: worker and command.

``job`` says what to do, ``check`` lists in words what is wrong with it, ``runner`` does it,
``worker`` does it for QGIS in a process of its own, ``cli`` for a person at a terminal. ``comparison``
is the same for a :class:`Comparison` of methods: what it is, its check and its run; ``extract`` for an
:class:`Extraction` of labelled series into a file.
"""

from ..imagery import LabelLayer
from .checks.comparison import check_comparison
from .checks.extraction import check_extraction
from .checks.job import check
from .checks.regularization import check_regularization
from .runs.comparison import run_comparison
from .runs.extraction import run_extraction
from .runs.job import run
from .runs.regularization import run_regularization
from .runs.result import Result
from .specs.comparison import Comparison
from .specs.extraction import Extraction
from .specs.job import Job
from .specs.regularization import Regularization
from .storage.partial_outputs import remove_parts

__all__ = [
    "Comparison",
    "Extraction",
    "Job",
    "LabelLayer",
    "Regularization",
    "Result",
    "check",
    "check_comparison",
    "check_extraction",
    "check_regularization",
    "remove_parts",
    "run",
    "run_comparison",
    "run_extraction",
    "run_regularization",
]
