"""Run the small inputs that once failed, from the folder beside the checkout; all of them must end right.

``make cases`` runs all, ``make cases CASES="01 28"`` some. Each case exits with 0 when its fault is mended.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT.parent / "shared" / "cases"
LIMIT = 600
"""Seconds that one case may take."""


def main(wanted: list[str]) -> int:
    """Run the cases and print a table; returns 1 where one fails."""
    cases = [path for path in sorted(FOLDER.glob("case*.py")) if not wanted or path.stem.removeprefix("case") in wanted]
    if not cases:
        print(f"There are no cases in {FOLDER.parent.name}/{FOLDER.name} beside the checkout: nothing is run.")
        return 0
    environment = {**os.environ, "CT": str(ROOT / ".venv" / "bin" / "croptransfer")}
    failed = 0
    for case in cases:
        start = time.monotonic()
        command = [sys.executable, str(case)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
        failed += done.returncode != 0
        about = (ast.get_docstring(ast.parse(case.read_text("utf-8"))) or "").splitlines()[0]
        print(f"{case.stem}  exit {done.returncode}  {time.monotonic() - start:5.1f} s  {about[:90]}", flush=True)
        if done.returncode:
            print(done.stdout + done.stderr)
    print(f"{len(cases) - failed} of {len(cases)} cases end right.")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
