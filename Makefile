# `make run` starts the daemon, `make test` proves it. Both set up what they need; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE_CLIENTS := tests/clients/node
.DEFAULT_GOAL := help

.PHONY: help run check format test bench clean
help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.run: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Oyez needs Python 3.11 or newer; name one with: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Oyez into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Installing the tools for checks and tests ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@

$(NODE_CLIENTS)/node_modules/.done: $(NODE_CLIENTS)/package-lock.json
	@echo "Installing the JavaScript clients that the tests drive ..."
	@command -v npm >/dev/null || { echo "The tests drive real JavaScript clients: install Node.js 20 or newer with npm."; exit 1; }
	@npm ci --prefix $(NODE_CLIENTS) --silent
	@touch $@

run: $(VENV)/.run ## start the daemon in development mode on 127.0.0.1:15100
	@exec $(BIN)/oyez serve --dev

check: $(VENV)/.dev ## format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(VENV)/.dev ## rewrite the sources in the project's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

test: $(VENV)/.dev $(NODE_CLIENTS)/node_modules/.done ## install what the tests need, then run them all
	@$(BIN)/python tests/system_packages.py
	@$(BIN)/python -m pytest -n 3 --dist worksteal

bench: $(VENV)/.dev ## compare with the Node peer and the floor (see bench/README.md)
	@$(BIN)/python -m bench.compare --rounds 3

clean: ## remove what make made
	rm -rf $(VENV) $(NODE_CLIENTS)/node_modules bench/peers/node/node_modules .mypy_cache .ruff_cache .pytest_cache
