# `make run` starts the daemon, `make test` proves it. Both set up what they need; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE_CLIENTS := tests/clients/node
BROWSER := src/oyez/browser/event
.DEFAULT_GOAL := help

# Tests wait more than they work: two or three times as many at once as there are cores, of a machine like those of CI.
PYTEST := -m pytest -n 5 --dist worksteal

# What shows the parts at work within the tests' own process. Any other tests may be named: make coverage COVERAGE_TESTS=tests
COVERAGE_TESTS := tests/unit tests/conformance tests/django

# What is tried beside these with other versions of the dependencies: odd input, and one real daemon with its clients.
VERSION_TESTS := tests/fuzz tests/integration/test_socketio_js.py tests/integration/test_contract.py

# The tests start hundreds of processes, each of which would compile all of Oyez anew.
unexport PYTHONDONTWRITEBYTECODE

# $(call flag,seed) is `--seed 7` when make was told SEED=7, else nothing.
upper = $(shell echo $(1) | tr a-z A-Z)
flag = $(if $($(call upper,$(1))),--$(1) $($(call upper,$(1))))

.PHONY: help run example check format event.js test test-fast test-slow coverage fuzz test-versions test-lowest test-newest test-pythons matrix faults siege dist bench bench-diff clean
help: ## show this list
	@grep -hE '^[a-z.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.run: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Oyez needs Python 3.11 or newer; name one with: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Oyez into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Most of what comes with them is never loaded, so it is compiled when it is.
$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Installing the tools for checks and tests ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements/dev.txt
	@touch $@

$(NODE_CLIENTS)/node_modules/.done: $(NODE_CLIENTS)/package-lock.json
	@echo "Installing the JavaScript clients that the tests drive ..."
	@command -v npm >/dev/null || { echo "The tests drive real JavaScript clients: install Node.js 20 or newer with npm."; exit 1; }
	@npm ci --prefix $(NODE_CLIENTS) --silent
	@touch $@

run: $(VENV)/.run ## start the daemon in development mode on 127.0.0.1:15100, its events in var/
	@mkdir -p var
	@exec env OYEZ_BROKER="$${OYEZ_BROKER:-sqlite://$(CURDIR)/var/events.sqlite3}" $(BIN)/oyez serve --dev

$(VENV)/.example: $(VENV)/.run requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/dev.txt --editable '.[django]'
	@touch $@

example: $(VENV)/.example ## a small judge, live: make example BUSY=60 SITE_PORT=8000 DAEMON_PORT=15100 PAUSE=5
	@exec $(BIN)/python examples/judge/start.py $(foreach name,busy pause address site_port daemon_port,$(subst _,-,$(call flag,$(name))))

check: $(VENV)/.dev ## format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(VENV)/.dev ## rewrite the sources in the project's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# The browser's client, from its source: for the daemon to serve and, as Django looks in `oyez.django` only, a copy to collect. Spaces
# go, names stay, so that an error in a page can be read.
ESBUILD := $(NODE_CLIENTS)/node_modules/.bin/esbuild --log-level=warning --bundle --target=es2020 --charset=utf8 --format=esm --minify-whitespace --minify-syntax --line-limit=160
SERVED := src/oyez/browser
COLLECTED := src/oyez/django/static/oyez
event.js: $(NODE_CLIENTS)/node_modules/.done ## build event.js and its extras from src/oyez/browser/event
	@$(ESBUILD) $(BROWSER)/main.js --outfile=$(SERVED)/event.js --external:./event-extras.js \
		'--banner:js=/* src/oyez/browser/event */(()=>{"use strict";' '--footer:js=})();'
	@$(ESBUILD) $(BROWSER)/extras.js --outfile=$(SERVED)/event-extras.js
	@cp $(addprefix $(SERVED)/,event.js event-extras.js) $(addprefix $(BROWSER).,mjs d.ts d.mts) $(COLLECTED)

# The oldest and the newest versions of all dependencies that users may have, in folders that go before the usual ones on
# Python's path.
$(VENV)/lowest/.done: requirements/lowest.txt | $(VENV)/.dev
	@rm -rf $(@D)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(@D) -r $<
	@touch $@

$(VENV)/newest/.done: pyproject.toml | $(VENV)/.dev
	@rm -rf $(@D)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(@D) .
	@rm -rf $(@D)/oyez $(@D)/oyez-*
	@touch $@

# What both parts need is a prerequisite here too: `make --jobs=2 check test` must not install it twice at once.
test: $(VENV)/.dev $(NODE_CLIENTS)/node_modules/.done ## install what the tests need, then run them all: a quarter of an hour on two cores
	@$(MAKE) --no-print-directory test-fast
	@$(MAKE) --no-print-directory test-slow

# In a new clone all workers would compile all tests at once, each for itself.
$(VENV)/.compiled: | $(VENV)/.dev
	@echo "Compiling the tests ..."
	@$(BIN)/python -m pytest --collect-only -q >/dev/null
	@touch $@

test-fast: $(VENV)/.dev $(VENV)/.compiled $(NODE_CLIENTS)/node_modules/.done ## what takes five minutes of it
	@$(BIN)/python tests/system_packages.py
	@$(BIN)/python $(PYTEST) -m 'not slow'

test-slow: $(VENV)/.dev $(NODE_CLIENTS)/node_modules/.done ## the rest: whole sites and tools, faults, a fresh clone, coverage, other versions
	@$(BIN)/python tests/system_packages.py
	@$(BIN)/python $(PYTEST) -m 'slow and not alone'
	@$(BIN)/python -m pytest -m alone
	@$(MAKE) --no-print-directory test-lowest

# Memory is not counted while coverage is, which would take most of the time and has a share in it.
coverage: $(VENV)/.dev ## which lines and branches the tests of the parts reach; each package is held to its floor
	@rm -f .coverage .coverage.*
	@FUZZ_EXAMPLES=20 $(BIN)/python -m coverage run $(PYTEST) -m 'not slow' --ignore-glob='*_memory.py' $(COVERAGE_TESTS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python tests/coverage_floors.py

fuzz: $(VENV)/.dev ## look for input that anything fails at, for longer than the tests do: make fuzz EXAMPLES=100000
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),10000) $(BIN)/python -m pytest -n 2 --dist worksteal --timeout 3600 tests/fuzz tests/unit/test_hub_machine.py

test-versions: test-lowest test-newest

# Coverage is of the parts' tests, which are not run again for it alone.
test-lowest test-newest: export FUZZ_EXAMPLES := 20
test-lowest test-newest: export PYTEST_ADDOPTS := -W ignore::DeprecationWarning
test-lowest test-newest: test-%: $(VENV)/%/.done $(NODE_CLIENTS)/node_modules/.done
	@echo "A part of the tests, with the $* versions of all dependencies ..."
	@DEPENDENCIES=$* PYTHONPATH=$(CURDIR)/$(VENV)/$* $(MAKE) --no-print-directory coverage
	@DEPENDENCIES=$* PYTHONPATH=$(CURDIR)/$(VENV)/$* $(BIN)/python $(PYTEST) $(VERSION_TESTS)

matrix: $(VENV)/.dev ## oyez.django on every Django and Python that are supported and here; SHORT=1: the newest Django only
	@$(BIN)/nox $(if $(SHORT),--session short)

test-pythons: $(VENV)/.dev $(NODE_CLIENTS)/node_modules/.done ## a part of the tests on Python 3.12 and 3.13, as far as they are here; SHORT=1: less of it
	@$(BIN)/nox --session pythons $(if $(SHORT),-- --short)

faults: $(VENV)/.dev $(NODE_CLIENTS)/node_modules/.done ## kill, cut and starve daemons: make faults MINUTES=30 BROKER=sqlite SEED=7
	@$(BIN)/python -m tests.faults $(if $(SHORT),--short) $(foreach name,minutes seed broker faults herd folder,$(call flag,$(name)))

siege: $(VENV)/.dev ## attack a daemon that others use: make siege ATTACK=filters SECONDS=20 BROKER=sqlite SEED=7
	@$(BIN)/python -m tests.siege $(if $(SHORT),--short) $(foreach name,attack seconds calm floor seed broker folder,$(call flag,$(name)))

$(VENV)/release/.done: requirements/release.txt
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

dist: $(VENV)/.dev $(VENV)/release/.done ## build what is published into dist/, install and try it (docs/how-to/release.md)
	@$(BIN)/python -m tests.dist

bench: $(VENV)/.run ## compare with peers and the floor: make bench ROUNDS=5, SHORT=1 only tries it (see bench/README.md)
	@$(BIN)/python -m bench.compare $(if $(SHORT),--short) $(call flag,rounds)

bench-diff: $(VENV)/.run ## what moved since the last release, in the newest run of make bench or RUN=FILE
	@$(BIN)/python -m bench.diff $(RUN)

clean: ## remove what make installed and cached; var/, the events, stays
	rm -rf $(VENV) $(NODE_CLIENTS)/node_modules .mypy_cache .ruff_cache .pytest_cache .coverage .coverage.*
