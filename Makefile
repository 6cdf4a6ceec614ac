# app: the dashboard on sample data   lab: JupyterLab on the notebooks
# test: everything, in a real browser too   check: format, lint, types, tests   bench: columns mapped right, and speed
# crash: killed at many points, full disks, many processes at once (docs/reliability.md)   fuzz: damaged files at random

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: app lab test lint check bench fuzz crash setup

app: $(VENV)/installed
	$(BIN)/crmkit app

lab: $(VENV)/installed
	$(BIN)/crmkit lab

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

bench: setup
	$(BIN)/python -m crmkit.mapping_score tests/data/headers --real ../shared/data
	$(BIN)/python -m crmkit.benchmark

crash: setup
	$(BIN)/python -m tests.crash --disks 3
	$(BIN)/python -m tests.crash --together 8 --each 30 --kills 4

# For so many seconds; what it finds is kept, and make fails. Where atheris cannot be installed, it says so and goes on.
fuzz: SECONDS ?= 60
fuzz: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[fuzz]" >/dev/null 2>&1 || true
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

setup: $(VENV)/installed-dev

INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Each is made again only when what is to be installed has changed.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	touch $@

# With the tools and a real ERP, which only development and the tests need.
$(VENV)/installed-dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e ".[dev]"
	touch $(VENV)/installed $@
