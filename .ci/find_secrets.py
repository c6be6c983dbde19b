"""Fail when detect-secrets finds anything in the named files and folders, as plugins.qgis.org does."""

from __future__ import annotations

import sys
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings


def main(names: list[str]) -> int:
    """Scan every text file under ``names``; the number of findings is printed and decides the exit code."""
    found = SecretsCollection()
    with default_settings():
        for name in names:
            root = Path(name)
            for path in [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file()):
                if "__pycache__" not in path.parts:
                    found.scan_file(str(path))
    for path, finding in found:
        print(f"{path}:{finding.line_number}: {finding.type}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
