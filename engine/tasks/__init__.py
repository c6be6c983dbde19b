"""What a person can have done, and all ways to start it: one description, one check and one run for each kind of task.

``specs`` describes tasks as plain values with JSON, ``checks`` lists what is wrong with them, ``resolve`` decides which
bands and days are read, ``runs`` does the work, ``storage`` keeps unfinished files, locks and checkpoints, and
``cluster`` spreads the tiles of a map over processes. ``worker`` runs one task for another program by the lines of
``protocol``; ``supervisor`` is the other end of it, for QGIS and for comparisons. ``cli`` is the command.

>>> from croptransfer.engine.tasks import Job, check
>>> job = Job(output="map.tif", target=(), series="nowhere.npz", seed=-1)
>>> Job.from_json(job.to_json()) == job
True
>>> [problem.code for problem in check(job)]
['series-unreadable', 'no-stack', 'seed']
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
