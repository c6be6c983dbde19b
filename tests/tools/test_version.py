"""The version has one source, metadata.txt: what is built takes it from there, what is written agrees with it."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys

import pytest

from engine import __version__
from tests.helpers.paths import ROOT


@pytest.fixture(scope="module")
def general() -> configparser.SectionProxy:
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(ROOT / "metadata.txt", encoding="utf-8")
    return metadata["general"]


def test_the_engine_and_its_command_have_the_version_of_the_plugin(general):
    command = [sys.executable, "-m", "engine", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert (__version__, done.stdout.split()) == (general["version"], ["croptransfer", general["version"]])


def test_an_installed_package_takes_the_version_from_the_engine():
    configuration = pytest.importorskip("setuptools.config.pyprojecttoml")
    built = configuration.read_configuration(ROOT / "pyproject.toml", expand=True)["project"]
    assert (built["version"], built["dynamic"]) == (__version__, ["version"])


@pytest.mark.parametrize(
    "name, pattern",
    [
        ("CITATION.cff", r"^version: (\S+)$"),
        ("CHANGELOG.md", r"^## \[(\d\S*)\]"),
        ("metadata.txt", r"^changelog=\n +(\S+)$"),
        ("docs/cluster.md", r"croptransfer:(\d\S*)$"),
    ],
)
def test_what_is_written_names_the_version(name, pattern):
    found = re.findall(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    # The change log names earlier ones after it.
    assert found[:1] == [__version__]
    assert name == "CHANGELOG.md" or set(found) == {__version__}


def test_the_citation_has_the_date_of_the_release():
    released = re.search(
        rf"^## \[{re.escape(__version__)}\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert f"date-released: {released.group(1)}" in (ROOT / "CITATION.cff").read_text("utf-8").splitlines()
