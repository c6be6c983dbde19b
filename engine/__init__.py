"""The model engine of Crop Transfer: series, imagery, models, alignment, mapping, trust and job.

Pure Python on numpy, scipy, torch and GDAL: no QGIS, no Qt. Each part imports only those named
before it, so the engine runs as a command, in a worker process beside QGIS, or on a cluster.
Importing this package, ``series``, ``imagery`` and ``job`` never imports torch.
"""

__version__ = "0.1.0"
