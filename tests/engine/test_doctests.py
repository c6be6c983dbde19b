"""The examples in the docstrings of the engine's packages run, and every package has one."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("engine/**/__init__.py"))


def example_of(package: str) -> doctest.DocTest:
    """The example of a package as in the plugin's folder, where it is named ``croptransfer.engine``."""
    module = importlib.import_module(f"croptransfer.{package}")
    return doctest.DocTestParser().get_doctest(module.__doc__ or "", {}, package, module.__file__, 0)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_example_of_a_package_runs(package):
    example = example_of(package)
    assert example.examples
    printed: list[str] = []
    result = doctest.DocTestRunner().run(example, out=printed.append)
    assert result.failed == 0, "".join(printed)
