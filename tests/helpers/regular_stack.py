"""A stack made regular in one call."""

from engine.imagery import Stack, describe
from engine.imagery.stack.regularize import Recipe, regularize, score_name
from engine.imagery.stack.writer import StackWriter
from engine.progress import Progress
from engine.series.periods import season_periods

BANDS = ("B04", "B08")
MEDIAN = Recipe()


def make(path, out, recipe=MEDIAN, period="10", bands=None, data_type="int16", progress=None, tags=()):
    """Regularise the stack of one file into ``out``; returns the coverage and the periods."""
    described = describe([path])
    score = score_name(recipe, BANDS)
    with Stack(described, "input", [score] if score else []) as stack:
        names = bands or [name for name in stack.bands if name != score]
        periods = season_periods(stack.dates, period)
        writer = StackWriter(str(out), stack.grid, periods.dates, names, data_type, dict(tags))
        try:
            coverage = regularize(stack, names, periods, recipe, writer, progress or Progress())
            writer.finish((progress or Progress()).update)
        finally:
            writer.close()
    return coverage, periods
