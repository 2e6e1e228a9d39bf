# The main job and the tests, from nothing but python3 (with venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-long lint bench clean

# The base install, enough for the SDK.
$(VENV)/base.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/dev.stamp: $(VENV)/base.stamp
	$(PIP) --editable '.[dev]'
	touch $@

$(VENV)/bench.stamp: $(VENV)/dev.stamp
	$(PIP) --editable '.[dev,bench]'
	touch $@

demo: $(VENV)/base.stamp
	$(BIN)/robotrader demo --out reports

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2

test-long: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2 -m "long or not long"

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) reports build dist
