# Everything a developer or a curious user runs. `make` alone lists the targets.
PYTHON ?= python3
VENV   := .venv
# Versions to install: those that everybody tests with. `make test PINS=` takes the newest.
PINS   := constraints.txt
# `make test TESTS=all` runs also the tests that are marked slow, as .ci/run does.
TESTS  := quick
BIN     = $(VENV)/bin
PACKAGE = $(VENV)/.package
TOOLS   = $(VENV)/.tools
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(UPGRADE) $(addprefix -c ,$(PINS))

.PHONY: help demo test fuzz soak mutants test-lowest test-newest coverage check lint types bench docs dist clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(PACKAGE): pyproject.toml $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gtmask needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which one to use: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing gtmask into $(VENV) (once) ..."
	@$(PIP) -e .
	@touch $@

$(TOOLS): $(PACKAGE)
	@echo "Installing what its tests and checks need (once, about a minute) ..."
	@$(PIP) -e '.[dev]'
	@touch $@

demo: $(PACKAGE)  ## Make a small data set and convert it, no account needed
	@$(BIN)/gtmask demo demo

test: $(TOOLS)  ## Run the tests that are not slow, in minutes; TESTS=all runs all
	@$(BIN)/python -m pytest $(if $(filter all,$(TESTS)),,-m "not slow")

fuzz: $(TOOLS)  ## Change exports in every way that the tests know, then fuzz by coverage; FUZZ='--seconds 3600' for hours
	@$(PIP) -e '.[fuzz]'
	@$(BIN)/python -m tests.silence.fuzz
	@$(BIN)/python -m tests.reliability.fuzz $(FUZZ)

soak: $(TOOLS)  ## Kill commands, break requests and restart the server for minutes; SOAK='--kills 1000 --write' for an hour
	@$(BIN)/python -m tests.reliability.soak $(SOAK)

mutants: $(TOOLS)  ## Put small faults into the code that the tests must notice; MUTANTS='--all --write' for hours
	@$(PIP) -e '.[mutants]'
	@$(BIN)/python -m tests.reliability.mutants $(MUTANTS)

test-lowest:  ## Run all tests with the lowest versions that pyproject.toml allows
	@mkdir -p build
	@$(PYTHON) scripts/lowest.py > build/lowest.new
	@cmp -s build/lowest.new build/lowest.txt || cp build/lowest.new build/lowest.txt
	@$(MAKE) --no-print-directory test TESTS=all VENV=.venv-lowest PINS=build/lowest.txt

test-newest:  ## Run all tests with the newest versions that pyproject.toml allows
	@rm -f .venv-newest/.package
	@$(MAKE) --no-print-directory test TESTS=all VENV=.venv-newest PINS= UPGRADE='--upgrade --upgrade-strategy eager'

coverage: $(TOOLS)  ## Run all tests, and say which lines and branches they miss
	@$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

check: lint types  ## Lint, format, types, docs: everything but the tests
	@$(BIN)/python scripts/make_docs.py --check
	@$(BIN)/python scripts/rule_pictures.py --check

lint: $(TOOLS)  ## Ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(TOOLS)  ## mypy, strict
	@$(BIN)/mypy

bench: $(TOOLS)  ## Run every benchmark and regenerate docs/performance.md
	@$(BIN)/python -m bench

docs: $(TOOLS)  ## Regenerate the generated pages in docs/, and build the site into site/
	@$(BIN)/python scripts/make_docs.py
	@$(BIN)/python scripts/rule_pictures.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "The site is in site/index.html"

dist: $(TOOLS)  ## Build sdist and wheel, check them, install the wheel elsewhere and use it
	@$(PIP) -e '.[release]'
	@$(BIN)/python scripts/check_dist.py

clean:  ## Remove everything that was made here
	rm -rf .venv .venv-lowest .venv-newest demo build dist site .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
