# On a machine with Python >= 3.11 (with venv), git and make, `make demo` and `make test`
# are all the set-up there is.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEV    := $(VENV)/.installed-dev
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-extras test-browser check format lock docs wheel clean

help:            ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16
	@echo "bench-NAME      run a benchmark: $(patsubst benchmarks/bench_%.py,%,$(wildcard benchmarks/bench_*.py))"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Alchemist needs Python 3.11 or newer; say make PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml requirements/core.lock | $(BIN)/python
	@echo "Installing Alchemist ..."
	@$(PIP) install --require-hashes -r requirements/core.lock
	@$(PIP) install --no-deps -e .
	@touch $@

$(DEV): requirements/dev.lock $(STAMP)
	@echo "Installing what the tests need ..."
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

demo: $(STAMP)   ## the main job on the bundled sample, without a key
	@$(BIN)/alchemist demo demo

test: $(DEV)     ## the default tests: every room, no extras
	$(BIN)/python -m pytest -m "not stress and not extra" -n auto

test-slow: $(DEV)  ## minutes of stress tests
	$(BIN)/python -m pytest -m stress

test-extras: $(DEV)  ## tests of optional dependencies; skips are counted
	$(PIP) install -e '.[anthropic,audio,documents,encoder,re2,video,wasm]' onnx pandas polars
	$(BIN)/python -m pytest -m "extra and not stress"

test-browser:    ## journeys through the web pages (there are none yet)
	@echo "There are no web pages yet, so there is nothing to test in a browser."; exit 1

check: $(DEV)    ## format, lint, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)   ## let ruff format and mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-%: $(DEV)
	$(BIN)/python -m benchmarks.bench_$(subst -,_,$*)

docs: $(DEV)     ## write the generated reference pages anew
	COLUMNS=80 TERM=dumb $(BIN)/python -m docs.generate

lock:            ## write the lock files anew (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate -q \
	  --custom-compile-command "make lock" -o requirements/core.lock pyproject.toml
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate -q \
	  --custom-compile-command "make lock" -o requirements/dev.lock pyproject.toml --group dev

wheel: $(DEV)    ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

clean:           ## remove what was made here
	rm -rf $(VENV) demo dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
