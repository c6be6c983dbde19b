"""Which Python runs the engine, and how the private package folder comes about."""

from __future__ import annotations

import shutil
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from croptransfer.engine.errors import Cancelled, InputError
from croptransfer.ui.engine_process import environment, installer
from croptransfer.ui.engine_process.environment import Interpreter
from tests.helpers.facts import lacking
from tests.helpers.fake_engine import make_fake

PIP = r"""#!{python}
import json, os, sys, time
if "-c" in sys.argv:
    packages = os.environ.get("CROPTRANSFER_PACKAGES", "")
    there = os.path.exists(os.path.join(packages, "torch"))
    if "AdamW" in sys.argv[-1]:
        if not there or {broken}:
            sys.exit("ImportError: cannot import name 'equal_valued' from 'sympy.core.numbers'")
        print(json.dumps({{"torch": "2.13", "python": "3", "numpy": "1", "gdal": "3", "cuda": False}}))
    else:
        print(json.dumps([] if there else ["torch", "safetensors"]))
    sys.exit(0)
print(" ".join(sys.argv), flush=True)
target = sys.argv[sys.argv.index("--target") + 1]
os.makedirs(os.path.join(target, "torch"))
os.makedirs(os.path.join(target, "numpy"))
if {fails}:
    print("ERROR: No matching distribution found for torch", flush=True)
    sys.exit(1)
time.sleep({seconds})
"""


@pytest.fixture()
def own_python(tmp_path, monkeypatch):
    """A function that makes QGIS's own Python one whose pip behaves as told."""

    def make(fails=False, broken=False, seconds=0):
        path = tmp_path / "own-python"
        path.write_text(PIP.format(python=sys.executable, fails=fails, broken=broken, seconds=seconds))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(environment, "own_python", lambda: str(path))
        monkeypatch.setattr(environment, "PLUGIN", tmp_path / "no-plugin")
        monkeypatch.delenv("CROPTRANSFER_PYTHON", raising=False)
        return str(path)

    return make


@pytest.fixture()
def packages(tmp_path):
    return tmp_path / "croptransfer" / "packages-3.11"


def test_the_environment_variable_wins_and_is_never_replaced_silently(
    own_python, packages, fake_engine, tmp_path, plugin_folder
):
    own_python()
    (packages / "torch").mkdir(parents=True)
    named = fake_engine("map")
    assert environment.find("", packages).python == named
    fake_engine("no-torch")
    with pytest.raises(InputError) as caught:
        environment.find(make_fake(tmp_path / "chosen", "map", plugin_folder), packages)
    assert caught.value.code == "engine-missing"
    assert not lacking(caught.value.message, "CROPTRANSFER_PYTHON", "torch")


def test_the_chosen_python_comes_before_qgis_own(own_python, packages, tmp_path, plugin_folder):
    own_python()
    (packages / "torch").mkdir(parents=True)
    chosen = make_fake(tmp_path / "conda", "map", plugin_folder)
    assert environment.find(chosen, packages).python == chosen
    with pytest.raises(InputError) as caught:
        environment.find(str(tmp_path / "gone"), packages)
    assert caught.value.code == "engine-missing" and str(tmp_path / "gone") in caught.value.message


def test_qgis_own_python_runs_with_the_private_folder(own_python, packages):
    own = own_python()
    with pytest.raises(InputError) as caught:
        environment.find("", packages)
    assert caught.value.code == "engine-missing"
    assert f'"{own}" -m pip install --target "{packages}" torch' in caught.value.hint
    (packages / "torch").mkdir(parents=True)
    found = environment.find("", packages)
    assert (found.python, found.packages) == (own, str(packages))


def test_the_development_environment_comes_last(packages, monkeypatch):
    monkeypatch.delenv("CROPTRANSFER_PYTHON", raising=False)
    monkeypatch.setattr(environment, "own_python", lambda: None)
    development = environment.PLUGIN / ".venv" / "bin" / "python"
    if not development.exists():
        pytest.skip("there is no .venv in the plugin folder")
    assert environment.find("", packages).python == str(development)


@pytest.mark.slow
def test_the_check_runs_an_optimiser_step_with_the_real_engine():
    state = environment.check(Interpreter(sys.executable))
    assert state.works, state.detail
    assert state.detail.startswith("torch ")


def test_own_python_is_a_python():
    assert shutil.which(environment.own_python())
    assert environment.missing_modules(Interpreter(environment.own_python()), ("json", "no_such_module")) == [
        "no_such_module"
    ]


def test_an_install_takes_its_place_when_it_is_checked(own_python, packages):
    own_python()
    (packages / "old").mkdir(parents=True)
    lines = []
    assert installer.install(packages, lines.append) == "torch 2.13 (CPU), Python 3, GDAL 3"
    assert "safetensors" in lines[0] and "--constraint" in lines[0]
    # numpy must be the one that GDAL's bindings were built with.
    assert [path.name for path in packages.iterdir()] == ["torch"]
    assert [path.name for path in packages.parent.iterdir()] == [packages.name]


@pytest.mark.parametrize(
    ("how", "reason"), [({"fails": True}, "No matching distribution found for torch"), ({"broken": True}, "sympy")]
)
def test_an_install_that_fails_changes_nothing(own_python, packages, how, reason):
    own_python(**how)
    (packages / "old").mkdir(parents=True)
    with pytest.raises(InputError) as caught:
        installer.install(packages)
    assert caught.value.code == "engine-install" and reason in caught.value.message
    assert [path.name for path in packages.iterdir()] == ["old"]
    assert [path.name for path in packages.parent.iterdir()] == [packages.name]


def test_a_cancelled_install_stops_and_changes_nothing(own_python, packages):
    own_python(seconds=300)
    cancel = threading.Event()
    threading.Timer(0.7, cancel.set).start()
    with ThreadPoolExecutor() as pool:
        install = pool.submit(installer.install, packages, cancelled=cancel.is_set)
        assert isinstance(install.exception(timeout=60), Cancelled)
    assert list(packages.parent.iterdir()) == []


def test_numpy_is_held_at_qgis_version():
    assert f"numpy=={numpy.__version__}\n" in installer.constraints()


def test_an_old_python_gets_a_torch_that_it_can_run():
    assert environment.requirements(["torch", "osgeo"], (3, 9)) == ["torch<2.9"]
    assert environment.requirements(["torch", "jinja2"], (3, 12)) == ["torch==2.13.*", "jinja2"]


def test_a_module_is_asked_for_by_the_name_of_its_package():
    assert environment.requirements(["sklearn", "numpy"], (3, 12)) == ["scikit-learn"]
