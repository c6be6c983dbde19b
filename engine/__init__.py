"""The model engine of Crop Transfer: series, imagery, models, alignment, mapping, trust and job.

Pure Python on numpy, scipy, torch and GDAL: no QGIS, no Qt. Each part imports only those named
before it, so the engine runs as a command, in a worker process beside QGIS, or on a cluster.
Importing this package, ``series``, ``imagery`` and ``job`` never imports torch.
"""

import re
from pathlib import Path

_METADATA = Path(__file__).resolve().parent.parent / "metadata.txt"
__version__ = re.findall(r"^version=(\S+)", _METADATA.read_text(encoding="utf-8"), re.MULTILINE)[0]
"""That of the plugin: QGIS reads it from ``metadata.txt``, so everything does."""
