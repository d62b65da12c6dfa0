# Two commands are enough on a fresh machine: make demo, make test.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1

.PHONY: setup demo test check system bench bench-detection teach realism gallery simbench lock clean

setup: .venv/.installed

.venv/.installed: requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Meterwatch needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --only-binary :all: --compile-bytecode -r requirements/dev.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch .venv/.installed

demo: setup
	$(BIN)/meterwatch demo $(if $(NO_SERVE),--no-serve) $(ARGS)

test: setup
	$(BIN)/lint-imports --config pyproject.toml
	$(BIN)/python -m pytest -m "not system and not browser" $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml

system: setup
	tests/system/install_servers.sh
	$(BIN)/python -m pytest -m "system or browser" tests/system tests/contracts tests/browser $(ARGS)

bench-detection: setup
	$(BIN)/python -m benchmarks.detection $(ARGS)

bench: setup
	tests/system/install_servers.sh
	$(BIN)/python -m benchmarks $(ARGS)

# What the shipped prior was taught with; minutes of simulation, kept in build/lessons: empty it when experts change.
teach: setup
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --only-binary :all: --compile-bytecode -r requirements/train.txt
	$(BIN)/python -m benchmarks.detection.train --cache build/lessons $(ARGS)

realism: setup
	$(BIN)/python -m simulator.world.realism $(ARGS)

# All scenarios and benign life on one page, and a picture of each pack.
gallery: setup
	$(BIN)/python -m simulator.gallery build/gallery/index.html
	$(BIN)/python -m simulator.gallery packs

# Data of SimBench's grids and what reads them (pandapower): only `meterwatch import simbench` needs it.
simbench: setup
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --only-binary :all: --compile-bytecode -r requirements/simbench.txt

# The locks carry hashes and no registry address.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra dev pyproject.toml -o requirements/dev.txt
	echo hatchling==1.27.0 | uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c requirements/dev.txt pyproject.toml - -o requirements/runtime.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra dev --extra simbench pyproject.toml -o requirements/simbench.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra dev --extra train pyproject.toml -o requirements/train.txt
	echo uv | uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 - -o requirements/bootstrap.txt

clean:
	rm -rf .venv build runs feeds
