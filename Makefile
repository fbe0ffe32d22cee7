# Everything runs from the root of a clone; data goes to ./data, or to METERHOUSE_DATA.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := $(CURDIR)/.venv
METERHOUSE_DATA ?= $(CURDIR)/data

export METERHOUSE_DATA
export DAGSTER_HOME ?= $(METERHOUSE_DATA)/dagster
export LAKE_PATH := $(METERHOUSE_DATA)/lake
export WAREHOUSE_PATH := $(METERHOUSE_DATA)/warehouse.duckdb
export DO_NOT_TRACK := 1
export PATH := $(VENV)/bin:$(PATH)
export VIRTUAL_ENV := $(VENV)

.PHONY: help
help:  ## What can be made
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Meterhouse needs Python 3.11 or later; say which: make PYTHON=python3.12 …"; exit 1; }
	@echo "Setting up .venv from requirements.lock (about a minute, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DAGSTER_HOME)/dagster.yaml: dagster_project/instance.yaml
	@mkdir -p $(@D)
	@cp $< $@

.PHONY: setup
setup: $(VENV)/installed $(DAGSTER_HOME)/dagster.yaml  ## Set up .venv, once

.PHONY: demo
demo: setup  ## Take the real events of seeds/demo to issued invoices, and show them
	@meterhouse demo

.PHONY: dashboard
dashboard: setup  ## Revenue, margin and invoices in the browser
	streamlit run streamlit_app/app.py

.PHONY: dagster
dagster: setup  ## Runs, assets, checks and schedules in the browser
	dg dev

.PHONY: check
check: lint types arch test  ## Everything that CI runs

.PHONY: lint
lint: setup  ## Style of Python, SQL, YAML and prose; definitions and catalogue load
	ruff format --check .
	ruff check .
	sqlfluff lint dbt_models --disable-progress-bar
	yamllint --strict .
	git ls-files | xargs codespell
	deptry .
	meterhouse catalog check
	dg check defs

.PHONY: types
types: setup  ## Static types
	mypy

.PHONY: arch
arch: setup  ## Who may import whom
	lint-imports

.PHONY: test
test: setup  ## All tests
	pytest

.PHONY: lock
lock:  ## Resolve requirements.lock anew, within the bounds of pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --extra dev \
		--custom-compile-command "make lock" pyproject.toml --output-file requirements.lock

.PHONY: clean
clean:  ## Remove the data of this clone: lake, warehouse, snapshots
	rm -rf $(CURDIR)/data
