# Everything a person or a pipeline runs. Needs Python 3.13, Node 20 and make; the rest it installs into .venv and node_modules.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup test lint types up demo package bench lock clean

VENV := .venv
BIN := $(VENV)/bin
# A bare `python3.13` may be a shim that refuses to run; take the first one that really answers.
PYTHON ?= $(shell for p in python3.13 "$$HOME"/.pyenv/versions/3.13*/bin/python3.13 /opt/*/bin/python3.13 python3 python; do \
	"$$p" -c 'import sys; raise SystemExit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready node_modules/.ready ## install what is missing

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.13 was not found. Install it (python.org, pyenv install 3.13) or run make PYTHON=/path/to/python3.13"; exit 1; }
	@echo "Installing Python packages into $(VENV) ..."
	@"$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.ready: package-lock.json
	@command -v npm >/dev/null || { echo "Node 20 with npm was not found; Azurite (the local table storage) needs it."; exit 1; }
	@echo "Installing Azurite into node_modules ..."
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# PACKAGE=1 runs the app from the package, with what that has in it.
ZIP := dist/entente.zip

test: setup $(if $(PACKAGE),package) ## run the tests; PACKAGE=1: system tests on the package
	@$(if $(PACKAGE),PACKAGE=$(CURDIR)/$(ZIP)) $(BIN)/python -m pytest

lint: setup ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

up: setup ## start the local stack in the foreground and print its addresses
	@$(BIN)/python -m devstack up

demo: setup $(if $(PACKAGE),package) ## carry out examples/fabrikam.json on the local stack and show it; PACKAGE=1: from the package
	@$(BIN)/python -m devstack demo $(if $(PACKAGE),--package $(ZIP))

package: setup ## what the cloud runs, with its requirements, in dist/entente.zip
	@$(BIN)/python -m infra.package $(ZIP)

bench: setup ## measure; prints one JSON object a line
	@$(BIN)/python -m bench

lock: setup ## pin requirements again, after an edit of requirements/*.in
	@$(BIN)/uv pip compile -q --python-version 3.13 --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		--custom-compile-command "make lock" requirements/runtime.in -o requirements.txt
	@sed -i "1i # Locked by 'make lock' from requirements/runtime.in: do not edit." requirements.txt
	@$(BIN)/uv pip compile -q --python-version 3.13 --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		--custom-compile-command "make lock" requirements/dev.in -o requirements/dev.txt
	@sed -i "1i # Locked by 'make lock' from requirements/dev.in: do not edit." requirements/dev.txt

clean: ## remove what setup and runs have made
	@rm -rf $(VENV) node_modules dist .package .demo .stack .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
