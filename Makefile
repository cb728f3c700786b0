# The two commands of the README are `make demo` and `make test`; each does its own set-up.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# the newest Python from 3.11 on that is here; a Debian `python3` is enough
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help demo run test lint bench nightly clean

help: ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

demo: $(VENV)/.installed ## a real end-to-end exchange on a router of its own, killed and restarted in the middle
	@$(BIN)/rookery demo

run: $(VENV)/.installed ## a router on this machine, data in ./rookery-data
	@$(BIN)/rookery serve

test: lint ## style, types, layering and every test
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/python -m pytest -q

lint: $(VENV)/.developed ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.developed ## speed and memory beside their floors, as a table and as JSON
	$(BIN)/python -m tests.benchmarks

nightly: $(VENV)/.developed ## the long profiles: many examples, long fuzz, soak, deliberate faults
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -q -m "nightly or not nightly"
	$(BIN)/python -m tests.actors.mutants --jobs 2
	$(BIN)/python -m tests.attacks.mutants
	$(BIN)/python -m tests.edge.mls.failures_mutants

clean: ## forget the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Rookery needs Python 3.11 or later: apt-get install python3"; exit 1; fi
	@echo "making $(VENV) with $(PYTHON)"
	@# Debian ships venv apart from Python: fetch it where we may, say what to do where we may not
	@"$(PYTHON)" -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); .ci/debian python3-venv && "$(PYTHON)" -m venv $(VENV); }
	@$(PIP) install --upgrade 'pip>=25.1'

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@echo "installing Rookery into $(VENV) (once)"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.developed: $(VENV)/bin/python pyproject.toml
	@echo "installing Rookery and what its tests need into $(VENV) (once)"
	@$(PIP) install --editable '.[speed]' --group dev
	@touch $@ $(VENV)/.installed
