"""The rooms keep their order: no import upwards, no circle of files, and the drawn page shows the code as it is."""

from __future__ import annotations

import importlib.util
import shutil
import sys

import pytest

from tests.helpers.paths import ROOT


def load_architecture():
    """The module behind ``make architecture``."""
    spec = importlib.util.spec_from_file_location("architecture", ROOT / ".ci" / "architecture.py")
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


architecture = load_architecture()


@pytest.fixture(scope="module")
def imports():
    return architecture.read_imports(ROOT)


@pytest.fixture()
def copy(tmp_path):
    """A copy of the code, to be spoilt."""
    for folder in ("engine", "ui"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def append(path, line):
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")


def test_no_room_imports_one_above_it(imports):
    assert len(imports) > 900
    assert architecture.upward_imports(imports) == []


def test_no_files_import_one_another_in_a_circle(imports):
    assert architecture.circles(imports) == []


@pytest.mark.parametrize(
    ("file", "line", "imported"),
    [
        ("engine/imagery/geo/grid.py", "from ..stack.reader import Stack", "engine/imagery/stack/reader.py"),
        ("engine/series/season.py", "from ..imagery.geo.types import Grid", "engine/imagery/geo/types.py"),
        ("engine/methods/shared/mmd.py", "from ..ghca.context import GHCASettings", "engine/methods/ghca/context.py"),
        ("engine/tasks/specs/job.py", "def late():\n    from ..runs.job import run", "engine/tasks/runs/job.py"),
        ("ui/common/icons.py", "from ..transfer.dialog import TransferDialog", "ui/transfer/dialog.py"),
    ],
)
def test_an_import_upwards_is_found(copy, file, line, imported):
    append(copy / file, line)
    assert f"{file} imports {imported}" in architecture.upward_imports(architecture.read_imports(copy))


def test_a_circle_of_files_of_one_room_is_found(copy):
    append(copy / "engine" / "imagery" / "geo" / "types.py", "from .rasterize import usable_shape")
    circles = architecture.circles(architecture.read_imports(copy))
    assert any({"engine/imagery/geo/types.py", "engine/imagery/geo/rasterize.py"} <= set(files) for files in circles)


def test_a_room_that_the_order_does_not_name_is_found(copy):
    (copy / "engine" / "attic").mkdir()
    (copy / "engine" / "attic" / "old.py").write_text("from ..errors import InputError\n")
    assert architecture.upward_imports(architecture.read_imports(copy)) == ["engine/attic has no place in the order"]


def test_chains_that_imply_others_are_not_drawn():
    assert architecture.reduced([("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")]) == {
        ("a", "b"),
        ("b", "c"),
        ("a", "d"),
    }


def test_the_drawn_page_shows_the_code_as_it_is(imports):
    """``make architecture`` writes both again."""
    assert (ROOT / architecture.PAGE).read_text(encoding="utf-8") == architecture.page(imports, ROOT)
    picture = (ROOT / architecture.PICTURE).read_text(encoding="utf-8")
    edges = [line.split("[")[0].strip().replace('"', "") for line in architecture.dot(imports, ROOT).splitlines()]
    titles = {line.replace("->", "&#45;&gt;") for line in edges if "->" in line}
    assert len(titles) > 20
    assert {title for title in titles if f"<title>{title.replace(' ', '')}</title>" not in picture} == set()


def test_a_change_of_any_code_that_a_method_runs_makes_finished_comparisons_stale(imports):
    from engine.tasks.storage.comparison_log import RESULT_CODE

    reached, waiting = set(), ["engine/methods/__init__.py", "engine/evaluation/run_method.py"]
    waiting += [one.importer for one in imports if one.importer.startswith("engine/methods/")]
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            waiting += [one.imported for one in imports if one.importer == file]
    rooms = {file.split("/")[1] for file in reached if file.count("/") > 1} - {"evaluation"}
    assert rooms == {place for place in RESULT_CODE if "/" not in place}
