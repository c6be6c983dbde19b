"""Write the plugin as QGIS installs it: dist/croptransfer-<version>.zip with one top folder, croptransfer."""

from __future__ import annotations

import configparser
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = (
    "metadata.txt",
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "__init__.py",
    "plugin.py",
    "engine",
    "ui",
    "resources",
)
LEFT_OUT_SUFFIXES = (".pyc", ".aux.xml", ".orig", ".ts")
# Scripts that make resources are for developers.
LEFT_OUT = ("resources/sample/generate.py", "resources/sample/crops.py")
MEGABYTES = 25
"""What plugins.qgis.org accepts at most."""
STAMP = (2020, 1, 1, 0, 0, 0)
"""Time of every entry, so that the same tree gives the same archive."""


def shipped_files(root: Path) -> list[Path]:
    """The files of the plugin under ``root``, relative to it and sorted."""
    files = []
    for name in SHIPPED:
        path = root / name
        found = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        files += [p.relative_to(root) for p in found]
    return sorted(
        p
        for p in files
        if not any(part.startswith(".") or part == "__pycache__" for part in p.parts)
        and not p.name.endswith(LEFT_OUT_SUFFIXES)
        and p.as_posix() not in LEFT_OUT
    )


def write_package(root: Path, folder: Path) -> Path:
    """Write the archive into ``folder`` and return its path."""
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(root / "metadata.txt", encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"croptransfer-{metadata['general']['version']}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in shipped_files(root):
            entry = zipfile.ZipInfo(f"croptransfer/{path.as_posix()}", STAMP)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, (root / path).read_bytes())
    return archive


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    archive = write_package(ROOT, folder)
    size = archive.stat().st_size / 1e6
    print(f"{archive} ({size:.1f} MB)")
    if size > MEGABYTES:
        print(f"The archive is larger than the {MEGABYTES} MB that plugins.qgis.org accepts.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
