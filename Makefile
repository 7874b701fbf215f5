# Every target installs what it needs: system packages with apt (as root, on Debian), Python packages
# into .venv from the locked, hashed list.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := containerd runc containernetworking-plugins nftables iptables iproute2 busybox-static conntrack
UP_FLAGS ?=

.PHONY: help
help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/wherry: pyproject.toml requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

.PHONY: setup
setup: $(BIN)/wherry ## the virtual environment, with the tools for tests and lint

.PHONY: packages
packages: ## what real pods need, by apt, when root on Debian (otherwise says so and goes on)
	@tools/install-packages $(PACKAGES)

.PHONY: up
up: packages $(BIN)/wherry ## start a cluster (UP_FLAGS="--name x …")
	@$(BIN)/wherry up $(UP_FLAGS)

.PHONY: down
down: $(BIN)/wherry ## stop it and leave nothing behind but its data
	@$(BIN)/wherry down $(UP_FLAGS)

.PHONY: demo
demo: packages $(BIN)/wherry ## a short tour, each command shown
	@$(BIN)/wherry demo

.PHONY: kubectl
kubectl: $(BIN)/wherry ## upstream's kubectl and helm for the tests, into the cache
	@$(BIN)/python tools/fetch_kubectl.py

.PHONY: test
test: packages kubectl ## all tests, against upstream's server too where its binaries are
	@$(BIN)/python tools/with_reference.py $(BIN)/python -m pytest $(TESTS)

.PHONY: unit
unit: $(BIN)/wherry ## the fast tests only
	@$(BIN)/python -m pytest tests/unit

.PHONY: lint
lint: $(BIN)/wherry ## ruff, mypy --strict, the import law
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 12

.PHONY: fix
fix: $(BIN)/wherry ## what ruff can mend by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: differential
differential: kubectl ## the same requests to us and to upstream's server
	@$(BIN)/python tools/with_reference.py $(BIN)/python -m pytest tests/differential

.PHONY: bench
bench: packages $(BIN)/wherry ## all benchmarks, beside the reference when it is there
	@$(BIN)/python -m bench

.PHONY: bench-api
bench-api: $(BIN)/wherry ## the API server's alone
	@$(BIN)/python -m bench api

.PHONY: schema
schema: $(BIN)/wherry ## the packed data anew (DEFINITIONS=… DISCOVERY=… PROTOS=…: see tools/build_*.py)
	@test -n "$(DEFINITIONS)$(PROTOS)" || { echo "say where upstream's files are; see tools/build_schema.py and tools/build_protobuf.py"; exit 2; }
	@test -z "$(DEFINITIONS)" || $(BIN)/python tools/build_schema.py $(DEFINITIONS) $(DISCOVERY)
	@test -z "$(PROTOS)" || $(BIN)/python tools/build_protobuf.py $(PROTOS)

.PHONY: lock
lock: ## requirements.txt anew, with hashes
	@$(PYTHON) tools/lock.py

.PHONY: clean
clean: ## what was built here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
