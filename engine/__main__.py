"""``python -m engine``, and the worker's entry when this file is run by its path."""

import sys
from pathlib import Path

if not __package__:
    # Run by path: the plugin cannot be imported yet, and names in this folder must hide no other package.
    folder = Path(__file__).resolve().parent
    sys.path[:] = [str(folder.parent), *(entry for entry in sys.path if entry != str(folder))]
    __package__ = "engine"
    import engine  # noqa: F401

from .tasks.cli.main import main

# Worker processes on this machine (``--workers``) run this file again under another name.
if __name__ == "__main__":
    sys.exit(main())
