"""README and documentation: links lead somewhere, named files exist, examples run, the site builds."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest
from osgeo import gdal

from tests.helpers.paths import ROOT

README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
DRAFT = "0.02"
"""Share of the training steps in the examples, here less than in the README."""


def anchors(page):
    """Anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code(language):
    """Code blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text("utf-8"), flags=re.M | re.S)


def run(command, folder):
    """Run an example of the README in a folder that has the sample scene, and return the map's class pixels."""
    (folder / "resources").symlink_to(ROOT / "resources")
    variables = {**os.environ, "PYTHONPATH": str(ROOT / ".build" / "plugins"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return (gdal.Open(str(folder / "map.tif")).ReadAsArray() > 0).sum(), done.stdout


def test_the_readme_is_short():
    assert 450 <= len(README.read_text("utf-8").split()) <= 600


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page):
    named = re.findall(r"`\.?/?((?:engine|ui|resources|tests|\.ci)/[\w./-]*)", page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.slow
def test_the_python_example_maps_the_sample_scene(tmp_path):
    [example] = code("python")
    assert '"steps_scale": 0.25' in example
    pixels, printed = run([sys.executable, "-c", example.replace("0.25", DRAFT)], tmp_path)
    assert printed.split() == ["map.tif", str(pixels)] and pixels > 10_000


@pytest.mark.slow
def test_the_command_maps_the_sample_scene(tmp_path):
    [example] = [block for block in code("sh") if block.startswith("croptransfer ")]
    line = example.replace("\\\n", " ").replace("steps_scale=0.25", f"steps_scale={DRAFT}")
    name, *arguments = shlex.split(line)
    assert f"steps_scale={DRAFT}" in arguments
    pixels, _ = run([sys.executable, "-m", f"{name}.engine", *arguments], tmp_path)
    assert pixels > 10_000 and (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    variables = {**os.environ, "PYTHONPATH": str(ROOT / ".build" / "plugins")}
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(ROOT / "docs"),
        str(tmp_path),
    ]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert 'id="croptransfer.engine.tasks.Job"' in (tmp_path / "api.html").read_text("utf-8")
