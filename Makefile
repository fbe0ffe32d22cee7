# Everything runs from the root of a clone; data goes to ./data, or to METERHOUSE_DATA.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := $(CURDIR)/.venv
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" pyproject.toml
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
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Meterhouse needs Python 3.11 or later; say which: make PYTHON=python3.12 …"; exit 1; }
	@echo "Setting up .venv from requirements.lock (about a minute, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-spark: $(VENV)/installed requirements-spark.lock
	@echo "Adding Spark to .venv from requirements-spark.lock (450 MB, once)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--use-pep517 --no-build-isolation -r requirements-spark.lock
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
check: lint types arch test test-clients test-spark  ## Everything that CI runs

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
test: setup  ## All tests but those on Spark and with real clients
	pytest

.PHONY: test-spark
test-spark: setup $(VENV)/installed-spark  ## The same rows by Spark (needs Java 17)
	@java -version 2> /dev/null || { echo "Spark needs Java 17 or 21: .ci/install-packages"; exit 1; }
	pytest -m spark tests/test_spark.py

SENDERS := tests/clients/senders
CLIENTS := $(VENV)/clients
HAS_NODE := { node -e 'process.exit(+(parseInt(process.versions.node) < 20))' && npm --version; } > /dev/null 2>&1 || \
	{ echo "Real clients need Node 20 or later with npm: .ci/install-packages"; exit 1; }
$(CLIENTS)/installed: $(VENV)/installed $(wildcard $(SENDERS)/*.lock) $(SENDERS)/package.json
	@$(HAS_NODE)
	@echo "Setting up real clients in .venv/clients (200 MB, once)"
	@mkdir -p $(CLIENTS)/node
	@set -e; for name in python:requirements otlp-json:requirements-otlp-json; do \
		$(PYTHON) -m venv $(CLIENTS)/$${name%%:*}; \
		$(CLIENTS)/$${name%%:*}/bin/pip install --quiet --disable-pip-version-check --no-deps \
			--require-hashes -r $(SENDERS)/$${name##*:}.lock; \
	done
	@cp $(SENDERS)/package.json $(CLIENTS)/node
	@cd $(CLIENTS)/node && npm install --silent --no-package-lock --no-audit --no-fund
	@touch $@

.PHONY: test-clients
test-clients: setup $(CLIENTS)/installed  ## Real clients, from their call to an invoice line (needs Node 20)
	@$(HAS_NODE)
	cp $(SENDERS)/otlp.mjs $(CLIENTS)/node
	METERHOUSE_CLIENTS=$(CLIENTS) pytest -m clients tests/clients

.PHONY: test-mutations
test-mutations: setup  ## Whether the tests notice wrong rules, one at a time (minutes)
	python -m tests.mutations.mutate

.PHONY: test-crash
test-crash: setup  ## Appends and servers killed 200 times each: nothing lost, nothing twice (minutes)
	python -m tests.crash.kills 200

.PHONY: test-fuzz
test-fuzz: setup  ## 100,000 broken requests: refused and recorded, nothing lost (minutes; SEED=n)
	python -m tests.fuzz.trial 100000 $(SEED)

.PHONY: bench-ingest
bench-ingest: setup  ## Events a second through the metering API, durable (needs wrk), and their landing (minutes)
	python -m benchmarks.serve
	python -m benchmarks.landing

.PHONY: bench-landing
bench-landing: setup  ## Landing a segment of a million events, beside DuckDB's own copy of it
	python -m benchmarks.landing

.PHONY: lock
lock:  ## Resolve the lock files anew, within the bounds of pyproject.toml (needs uv)
	$(COMPILE) --extra dev --output-file requirements.lock
	$(foreach name,requirements requirements-otlp-json,$(COMPILE:pyproject.toml=) --prerelease allow \
		$(SENDERS)/$(name).in --output-file $(SENDERS)/$(name).lock;)
	$(COMPILE) --extra spark --output-file requirements-spark.lock --constraints requirements.lock \
		$$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.lock)

.PHONY: clean
clean:  ## Remove the data of this clone: lake, warehouse, snapshots
	rm -rf $(CURDIR)/data
