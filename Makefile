# Everything a developer or a curious user runs. `make` alone lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help demo test check lint types bench docs clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gtmask needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which one to use: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once, about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)  ## Make a small data set and convert it, no account needed
	@$(BIN)/gtmask demo demo

test: $(STAMP)  ## Run all tests
	@$(BIN)/python -m pytest

check: lint types  ## Lint, format, types, docs: everything but the tests
	@$(BIN)/python scripts/make_docs.py --check
	@$(BIN)/python scripts/rule_pictures.py --check

lint: $(STAMP)  ## Ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy, strict
	@$(BIN)/mypy

bench: $(STAMP)  ## Run every benchmark and regenerate docs/performance.md
	@$(BIN)/python -m bench

docs: $(STAMP)  ## Regenerate the generated pages in docs/
	@$(BIN)/python scripts/make_docs.py
	@$(BIN)/python scripts/rule_pictures.py

clean:  ## Remove everything that was made here
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
