"""The engine of Crop Transfer: maps crops on a target without labels, with labels of a source.

Pure Python on NumPy, SciPy, torch and GDAL, without QGIS: it runs as a command, in a worker process beside QGIS, or on
a cluster. Rooms from the bottom up; each imports only those before it:

- ``series``: series of pixels with their days, bands and labels;
- ``imagery``: rasters, labels and parcels on disk, the only place for GDAL; ``models``: the networks;
- ``methods``: fit a model to a source and adapt it to a target; ``mapping``: run a model over a raster;
- ``evaluation``: accuracy where labels are known; ``reports``: HTML pages and plots;
- ``tasks``: jobs as files, their checks, their runs, and the command line.

A job flows upwards: ``imagery`` reads series of source and target, ``methods`` fits a model, ``mapping`` maps the
target, ``reports`` describes the map, and ``tasks`` runs all of that. Beside the rooms are ``errors`` with
``error_codes``, and ``progress``. Importing this package, ``series``, ``imagery``, ``methods`` or ``tasks`` never
imports torch.

What stops a task is an error with a code, a sentence and a hint:

>>> from croptransfer.engine.errors import InputError, listed
>>> error = InputError("no-band", f"The target has no band {listed(['B04', 'B08'])}.", "Add the bands.")
>>> str(error)
'The target has no band B04, B08. Add the bands.'
>>> error.keeps_tiles
False
"""

import re
from pathlib import Path

_METADATA = Path(__file__).resolve().parent.parent / "metadata.txt"
__version__ = re.findall(r"^version=(\S+)", _METADATA.read_text(encoding="utf-8"), re.MULTILINE)[0]
"""The plugin's version, from ``metadata.txt``, where QGIS reads it too."""
