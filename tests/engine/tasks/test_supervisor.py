"""The parent's side of the worker protocol, against scripts in place of the worker."""

from __future__ import annotations

import os
import queue
import sys

import pytest

from engine.tasks import supervisor
from engine.tasks.supervisor import WorkerProcess, describe_exit

ECHO = """
import json, sys
line = json.loads(sys.stdin.buffer.readline())
payload = sys.stdin.buffer.read(line["size"])
print("a line of some library")
print("a line of the log", file=sys.stderr, flush=True)
print(json.dumps({"event": "result", "outputs": {}, "summary": {"bytes": len(payload)}}), flush=True)
sys.exit(line["exit"])
"""
DEAF = "import time\ntime.sleep(300)"


@pytest.fixture()
def start(tmp_path, monkeypatch):
    """Start a script as the worker; returns the process and the queue of its events."""
    started = []

    def use(script, line, payload=()):
        (tmp_path / "worker.py").write_text(script)
        monkeypatch.setattr(supervisor, "ENTRY", tmp_path / "worker.py")
        events = queue.Queue()
        started.append(WorkerProcess(sys.executable, line, events, os.environ, payload))
        return started[-1], events

    yield use
    for worker in started:
        worker.close()


def until_the_end(worker, events):
    """All events of a worker up to its last one."""
    found = []
    while not found or found[-1]["event"] not in ("result", "error"):
        sender, event = events.get(timeout=60)
        assert sender is worker
        found.append(event)
    return found


def test_line_and_payload_arrive_and_the_result_comes_last(start):
    payload = (b"x" * 300_000, b"y" * 5)
    *others, last = until_the_end(*start(ECHO, '{"size": 300005, "exit": 0}', payload))
    assert last["event"] == "result" and last["summary"]["bytes"] == 300_005 and last["hung"] is False
    assert (
        {"a line of some library"}
        <= {event["message"] for event in others}
        <= {"a line of some library", "a line of the log"}
    )


def test_a_result_does_not_count_where_the_process_fails_afterwards(start):
    worker, events = start(ECHO, '{"size": 0, "exit": 3}')
    last = until_the_end(worker, events)[-1]
    assert (last["event"], last["kind"], last["code"]) == ("error", "fault", "crash")
    assert "exit code 3" in last["message"] and "a line of the log" in last["log"]


@pytest.mark.skipif(sys.platform == "win32", reason="ends processes by POSIX signals")
def test_a_worker_that_has_not_read_its_task_is_ended_by_a_cancel(start):
    # More than a pipe holds: the task is still being sent.
    worker, events = start(DEAF, "{}", (b"x" * 4_000_000,))
    worker.cancel()
    assert until_the_end(worker, events)[-1]["code"] == "crash"
    assert worker.process.wait(timeout=60) == -15


@pytest.mark.skipif(sys.platform == "win32", reason="ends processes by POSIX signals")
def test_a_worker_that_ignores_a_cancel_is_killed(start, monkeypatch):
    monkeypatch.setattr(supervisor, "TERMINATE_AFTER", 0.0)
    monkeypatch.setattr(supervisor, "KILL_AFTER", 0.1)
    worker, events = start(DEAF, "{}")
    assert not worker.press()  # Nobody has cancelled it.
    worker.cancel()
    while not worker.press():
        pass
    assert until_the_end(worker, events)[-1]["event"] == "error"
    assert worker.process.wait(timeout=60) < 0


@pytest.mark.parametrize(
    ("code", "facts"),
    [(1, ["exit code 1"]), (-11, ["signal 11"]), (-9, ["signal 9", "memory"]), (137, ["137", "memory"]), (None, [])],
)
def test_an_exit_is_described_by_its_code(code, facts):
    assert all(fact in describe_exit(code) for fact in facts)
    assert ("memory" in describe_exit(code)) == ("memory" in facts)
