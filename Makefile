# What a developer can do here; `make help` lists it. Longer recipes are scripts in .ci/.
PYTHON ?= /usr/bin/python3
BIN := .venv/bin
# The worker, the tests and the demo use the engine environment; one torch thread on a shared machine.
export CROPTRANSFER_PYTHON ?= $(CURDIR)/$(BIN)/python
export QGIS_PLUGINPATH := $(CURDIR)/.build/plugins
export QT_QPA_PLATFORM ?= offscreen
export OMP_WAIT_POLICY ?= PASSIVE
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
SHIPPED := __init__.py plugin.py engine ui

.DEFAULT_GOAL := help
.PHONY: help env demo test test-fast lint architecture architecture-lists cases bench ablations docs tutorial sample package clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

env: .venv/.stamp  ## QGIS with apt where missing, and .venv: its Python with torch and the test tools

.venv/.stamp: pyproject.toml .ci/environment.sh
	PYTHON=$(PYTHON) bash .ci/environment.sh
	touch $@

demo: env  ## the main job through qgis_process on the sample scene: map, legend picture, report, accuracy
	$(BIN)/python .ci/demo.py

# Coverage, with its floor, of the whole suite only: `make test TESTS=...` runs a part without.
test: env  ## every test and the coverage, or some by TESTS=... (no display needed)
	$(PYTEST) $(if $(TESTS),,--cov --cov-report=term) $(TESTS)

test-fast: env  ## the tests that are not marked slow, in under 2 minutes
	$(PYTEST) -m "not slow" $(TESTS)

lint: env  ## ruff, mypy, and the checks of plugins.qgis.org on what is shipped
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --configfile pyproject.toml --quiet --recursive $(SHIPPED)
	$(BIN)/python .ci/find_secrets.py $(SHIPPED) resources metadata.txt

architecture: env  ## docs/architecture.md and its picture, from the imports of the code (needs Graphviz)
	$(BIN)/python .ci/architecture.py

architecture-lists: env  ## the lists of long functions and missing docstrings as the tree is now
	$(BIN)/python tests/architecture/test_sizes.py --write
	$(BIN)/python tests/architecture/test_docstrings.py --write

cases: env  ## the small inputs that once failed, in ../shared/cases (CASES="01 28" for some)
	$(BIN)/python .ci/cases.py $(CASES)

bench: env  ## accuracy, speed and memory on the real data in ../shared/data, as JSON in bench/
	$(BIN)/python .ci/bench.py

ablations: env  ## GHCA without one of its parts at a time, into docs/ablations.md (hours)
	$(BIN)/python .ci/bench_ablations.py

docs: env  ## the documentation site in .build/docs; no warning, no broken internal link
	PYTHONPATH=.build/plugins $(BIN)/python -m sphinx -W --keep-going -q -b html docs .build/docs

tutorial: env  ## the pictures of docs/images, from the plugin in a QGIS window (needs xvfb; minutes)
	$(BIN)/python .ci/tutorial.py

sample: env  ## make the sample scene in resources/sample again
	OMP_NUM_THREADS=1 $(BIN)/python resources/sample/generate.py

package:  ## the plugin as a zip in dist/
	$(PYTHON) .ci/package.py

clean:  ## remove everything that is made, the environment too
	rm -rf .venv .build build dist demo bench *.egg-info .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
