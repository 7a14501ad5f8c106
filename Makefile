# make demo   set up, train the notebook's default run, and write its report
# make test   set up and run the tests, two at a time (WORKERS=4: four)
# make test-numeric
#             run the tests of numbers on plain vector instructions, and those that threads touch on AVX2 with two
# make test-lowest
#             run the quick tests with the lowest versions that pyproject.toml allows
# make test-docs
#             run the commands and the Python of README and docs as a reader would, and compare what they print
#             (DOCS=--slow: also those that take minutes; 'DOCS=--write' puts what was printed into the pages)
# make check  ruff, mypy --strict and the import contract
# make notebooks
#             make the exercise's two notebooks again, which a code host shows, and run the solution (minutes)
# make web    compile the kernel of the lab's page again (src/swissroll/web/lab/kernel.wasm), byte for byte the same
# make docs   build the documentation into docs/_build/html
# make bench  compare the speed with the notebook's loop and other libraries, 40 minutes, into docs/performance.md
#             (an interrupted one goes on; 'make bench BENCH=--fresh' starts again, 'BENCH=--quick' takes 3 minutes)
# make tables
#             fit VAEDensity and others to eight real tables, half an hour, for docs/density.md (an interrupted one goes on)
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

.PHONY: demo test test-numeric test-lowest test-docs check notebooks web docs bench tables clean

demo: .venv/installed
	$(BIN)/swissroll train

# One thread: narrow networks are faster on it, and two threads wait for each other on a busy machine.
# A file's tests stay together, as they share what took long to make.
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(PYTEST) --durations=15

# PyTorch rounds differently with each kind of vector instruction and each number of threads. Of the numbers, those that
# this can change by more than a test's sight: not what is judged by given symptoms, and not what only starts processes.
NUMERIC := tests/model tests/data tests/test_notebook.py tests/training/test_loop.py tests/training/test_refit.py \
	tests/training/engines $(addprefix tests/evaluation/test_,distances.py evidence.py geometry.py \
	latent_continuity.py lower_bound.py metrics.py recomputed.py verdicts.py)
NUMERIC_ONLY := not test_xla or agree or equal or alone
# Those of them whose sums may be split between threads; one at a time, or the threads would wait for each other.
THREADED := tests/model tests/data tests/training/test_loop.py tests/training/engines/test_torch_adam.py tests/test_notebook.py
test-numeric: .venv/installed-dev
	ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=1 $(PYTEST) -k '$(NUMERIC_ONLY)' $(NUMERIC)
	ATEN_CPU_CAPABILITY=avx2 OMP_NUM_THREADS=2 $(BIN)/pytest $(THREADED)

# With the oldest versions that pyproject.toml allows. What they deprecate is not ours to fix.
QUICK_TESTS := tests/model tests/training tests/evaluation tests/data tests/density tests/cli/test_data.py tests/cli/test_use.py tests/test_notebook.py tests/config tests/test_selftest.py tests/report/test_figures.py tests/runs/test_fit_prior.py
test-lowest: .venv-lowest/installed
	OMP_NUM_THREADS=1 .venv-lowest/bin/pytest -W ignore::DeprecationWarning --durations=15 $(QUICK_TESTS)

test-docs: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python docs/run_blocks.py $(DOCS)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

notebooks: .venv/installed-dev
	OMP_NUM_THREADS=2 $(BIN)/python notebooks/build.py

KERNEL := src/swissroll/web/lab/kernel
web: .venv-web/installed
	.venv-web/bin/python $(KERNEL)/build.py

docs: .venv/installed-dev
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

bench: .venv/installed-bench .venv-peers/installed
	results=$$($(BIN)/python -m benchmarks $(BENCH)) && $(BIN)/python -m benchmarks.render $$results

tables: .venv-tables/installed
	OMP_NUM_THREADS=1 .venv-tables/bin/python -m benchmarks.real_tables > docs/output/real-tables.md

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --disable-pip-version-check --quiet --progress-bar off -c constraints.txt -e .
	@touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --disable-pip-version-check --quiet --progress-bar off -c constraints.txt -e '.[dev,docs]'
	@touch $@

.venv/installed-bench: .venv/installed-dev
	$(BIN)/pip install --disable-pip-version-check --quiet --progress-bar off -c constraints.txt -e '.[xla,cluster]'
	@touch $@

.venv-lowest/installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --disable-pip-version-check --quiet --progress-bar off -c constraints-lowest.txt \
		-e '.[cluster,flow,onnx,table,xla]' hypothesis onnxruntime polars psutil pytest
	@touch $@

.venv-peers/installed: benchmarks/requirements-peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --disable-pip-version-check --quiet --progress-bar off -r $<
	@touch $@

.venv-tables/installed: benchmarks/requirements-tables.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-tables
	.venv-tables/bin/pip install --disable-pip-version-check --quiet --progress-bar off -r $< -e '.[flow,table]'
	@touch $@

.venv-web/installed: src/swissroll/web/lab/kernel/requirements.txt
	$(PYTHON) -m venv .venv-web
	.venv-web/bin/pip install --disable-pip-version-check --quiet --progress-bar off -r $<
	@touch $@

clean:
	rm -rf .venv .venv-lowest .venv-peers .venv-tables .venv-web docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis
