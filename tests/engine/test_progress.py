"""Progress: overall fraction by the weight of the stages, and cancel at every update."""

import pytest

from engine.errors import Cancelled
from engine.progress import Progress


def test_the_overall_fraction_follows_the_weights_and_never_falls():
    events = []
    progress = Progress(events.append)
    progress.plan({"read": 1, "learn": 6, "map": 3})
    for stage in ("read", "learn", "map"):
        progress.stage(stage)
    progress.finish()
    fractions = [e["fraction"] for e in events if e["event"] == "progress"]
    assert fractions == [0.0, 0.1, 0.7, 1.0]
    assert [e["name"] for e in events if e["event"] == "stage"] == ["read", "learn", "map"]
    assert set(progress.seconds) == {"read", "learn", "map"}


def test_cancel_is_raised_at_the_next_update():
    answers = iter([False, True])
    progress = Progress(cancelled=lambda: next(answers))
    progress.stage("read")
    with pytest.raises(Cancelled):
        progress.update(0.5)


def test_a_stage_outside_the_plan_keeps_the_fraction():
    events = []
    progress = Progress(events.append)
    progress.plan({"read": 1, "map": 1})
    progress.stage("read")
    progress.stage("map")
    progress.stage("tidy up")
    assert [e["fraction"] for e in events if e["event"] == "progress"] == [0.0, 0.5, 0.5]
