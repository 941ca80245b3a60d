# `make` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo sim test long browser pictures peers pythons scenarios days check fix bench torture generate fuzz deb image-check clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-11s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "knxgw needs Python 3.11 or newer; '$(PYTHON)' is missing or older."; \
	  echo "Install it (Debian, Ubuntu: apt install python3), or name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python cannot create virtual environments: the venv module is missing."; \
	  echo "Debian, Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## five simulated charging points, cars that come and go
	@$(BIN)/knxgw demo $(ARGS)

sim: $(STAMP) ## only the simulated chargers, to be used by other tools
	@$(BIN)/knxgw sim $(ARGS)

# Let Python keep what it compiled, whatever the environment says: the tests start it many times.
test: $(STAMP) ## every test but those of `make long` and `make browser`; those that need an outside peer say why they are skipped
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 6 -m "not browser and not long" $(ARGS)

long: $(STAMP) ## the tests that take many seconds each: processes killed, serial lines, site weeks, random mixes
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 6 -m "long and not browser" $(ARGS)

browser: $(STAMP) ## tests of the website in a real browser (needs Debian's chromium); KNXGW_SCREENSHOTS=folder keeps pictures
	$(BIN)/python -m pytest -n 2 tests/browser $(ARGS)

pictures: $(STAMP) ## make the pictures of docs/website.md and docs/ets.md (needs Debian's chromium)
	KNXGW_PICTURES=docs/images/website $(BIN)/python -m pytest -q tests/browser/test_pictures.py $(ARGS)

peers: $(STAMP) ## client libraries that tests read the simulators with, in .venv-peers
	@$(BIN)/python -m tests.peers.environments

PYTHONS ?= /usr/bin/python3 python3.12 python3.13
pythons: ## `make test` on several Pythons, each in its own virtual environment
	@for python in $(PYTHONS); do \
	  $(MAKE) --no-print-directory test PYTHON="$$python" VENV=".venv-$$(basename $$python)" || exit 1; done

scenarios: $(STAMP) ## every scenario in every order of charging points, at 20 offsets of the meter
	$(BIN)/python -m tests.scenarios $(ARGS)

days: $(STAMP) ## days at random in every series, judged and compared (docs/load-management.md)
	$(BIN)/python -m bench.days $(ARGS)

check: $(STAMP) ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: $(STAMP) ## format, and correct what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure the budgets of the design for an hour, write docs/performance.md (needs root, knxd)
	$(BIN)/python -m bench.run $(ARGS)

torture: $(STAMP) ## kill the gateway 200 times, and 90 times while it is configured, check what it left (needs root, iproute2)
	$(BIN)/python -m tests.torture $(ARGS)

generate: $(STAMP) ## pages of docs/ that are made from product_db/, the tests and the bench
	$(BIN)/python -m tools.pages.config > docs/config.md
	$(BIN)/python -m tools.pages.catalogue objects > docs/objects.md
	$(BIN)/python -m tools.pages.catalogue chargers > docs/chargers.md
	$(BIN)/python -m tools.pages.catalogue meters > docs/meters.md
	$(BIN)/python -m tools.pages.catalogue charging-point > docs/charging-point.md
	$(BIN)/python -m tools.pages.catalogue knx-device > docs/knx-device.md
	$(BIN)/python -m tests.conformance > docs/conformance.md
	$(BIN)/python -m tools.pages.bench docs/bench.md
	$(BIN)/python -m tools.pages.translations
	$(BIN)/python -m tools.pages.icon

fuzz: $(STAMP) ## long property runs; 10 000 wrong Modbus answers for each transport
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n 2 -m "not real" -o faulthandler_timeout=1800 $(ARGS)

deb: $(STAMP) ## the Debian package of this release and architecture, in dist/ (needs dpkg-deb)
	@$(BIN)/python -m tools.packages.deb $(ARGS)

image-check: $(STAMP) ## look at the Dockerfile, build the image and start it; without an engine go through its steps (root)
	@$(BIN)/python -m tools.packages.image

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .venv-peers .venv-python3* .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
