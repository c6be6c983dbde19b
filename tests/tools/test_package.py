"""The archive of ``make package``: what plugins.qgis.org checks before it accepts one."""

from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, str(ROOT / ".ci" / "package.py"), str(folder)], check=True, timeout=60)
    (path,) = folder.iterdir()
    return path


def test_archive_has_one_top_folder_with_what_a_plugin_needs(archive):
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        names = file.namelist()
    assert {name.split("/")[0] for name in names} == {"croptransfer"}
    needed = ["metadata.txt", "LICENSE", "__init__.py", "plugin.py", "engine/__main__.py", "engine/tasks/worker.py"]
    needed += ["ui/processing/provider.py", "resources/palette.json", "resources/sample/source.tif"]
    assert [name for name in needed if f"croptransfer/{name}" not in names] == []
    assert archive.stat().st_size < 25_000_000


def test_archive_has_nothing_of_the_workshop(archive):
    with zipfile.ZipFile(archive) as file:
        names = file.namelist()
    parts = {part for name in names for part in name.split("/")}
    assert not parts & {
        "tests",
        "Makefile",
        "pyproject.toml",
        "generate.py",
        "__pycache__",
        "demo",
        "bench",
        "egg-info",
    }
    assert not any(part.startswith(".") for part in parts)
    assert not any(name.endswith((".pyc", ".so", ".dll", ".exe", ".aux.xml")) for name in names)


def test_metadata_is_that_of_the_archive(archive):
    metadata = configparser.ConfigParser(interpolation=None)
    with zipfile.ZipFile(archive) as file:
        metadata.read_string(file.read("croptransfer/metadata.txt").decode())
        licence = file.read("croptransfer/LICENSE").decode()
    general = metadata["general"]
    for key in ("name", "description", "about", "author", "email", "tracker", "repository", "homepage", "changelog"):
        assert general[key].strip(), key
    assert archive.name == f"croptransfer-{general['version']}.zip"
    assert (general["qgisMinimumVersion"], general["hasProcessingProvider"]) == ("3.22", "yes")
    assert "GNU GENERAL PUBLIC LICENSE" in licence and "Version 2, June 1991" in licence


def test_every_file_of_the_engine_is_shipped_and_installed(archive):
    with zipfile.ZipFile(archive) as file:
        shipped = {name.partition("/")[2] for name in file.namelist()}
    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "engine").rglob("*.py")}
    assert written <= shipped
    # pyproject.toml lists the packages by hand, because the root itself is the top one.
    listed = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    packages = {".".join(("croptransfer", *Path(path).parent.parts)) for path in written}
    assert [name for name in sorted(packages) if f'"{name}",' not in listed] == []


def test_same_tree_gives_the_same_archive(archive, tmp_path):
    subprocess.run([sys.executable, str(ROOT / ".ci" / "package.py"), str(tmp_path)], check=True, timeout=60)
    assert (tmp_path / archive.name).read_bytes() == archive.read_bytes()
