"""``python -m engine``, and the worker's entry when this file is run by its path."""

import sys
from pathlib import Path

if not __package__:
    # Run by path under -I: nothing of the plugin is importable yet.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    __package__ = "engine"
    import engine  # noqa: F401

from .job.cli import main

sys.exit(main())
