"""One :class:`Job` for all faces, its check, its run, and the ways to start it: worker and command.

``job`` says what to do, ``check`` lists in words what is wrong with it, ``runner`` does it,
``worker`` does it for QGIS in a process of its own, ``cli`` for a person at a terminal. ``comparison``
is the same for a :class:`Comparison` of methods: what it is, its check and its run; ``extract`` for an
:class:`Extraction` of labelled series into a file.
"""

from ..imagery import LabelLayer
from .check import check
from .comparison import Comparison, check_comparison, run_comparison
from .extract import Extraction, check_extraction, run_extraction
from .job import Job
from .parts import remove_parts
from .regularize import Regularization, check_regularization, run_regularization
from .runner import Result, run

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
