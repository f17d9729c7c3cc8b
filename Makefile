# Starts from python3, make and apt; installs what it needs into $(VENV).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
APT := libiio0 libiio-utils iiod
APT_TEST := python3-uhd dump1090-mutability rtl-433 multimon-ng

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak wheel fmt clean

help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

# As root, and where there is apt: install what is missing of $(1).
apt = @if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg -s $(1) >/dev/null 2>&1; then \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null; fi

# libiio is a C library that no wheel carries. Without it the demo takes its samples from the
# simulator directly, and the tests of the Pluto's driver say that they are skipped. So do those
# that hold the fake UHD against the real one, without python3-uhd.
$(VENV)/.venv:
	@if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; fi
	$(call apt,$(APT))
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/.venv
	$(PIP) -e '.[pluto,serve]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.venv
	$(call apt,$(APT_TEST))
	$(PIP) -e '.[pluto,serve,fast,sim,train,dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: pyproject.toml constraints.txt | $(VENV)/.dev
	$(PIP) -e '.[bench]'
	@touch $@

demo: $(VENV)/.demo ## the whole chain without a radio, for 20 s
	$(BIN)/radiofm demo --seconds 20

test: $(VENV)/.dev ## the tests
	$(BIN)/python -m pytest -q

check: $(VENV)/.dev ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.bench ## speed as ratios against named rivals, papers' recipes
	$(BIN)/python -m pytest -q -s -m bench

soak: $(VENV)/.dev ## the long runs
	$(BIN)/python -m pytest -q -m soak

wheel: $(VENV)/.dev ## sdist -> wheel -> clean environment
	$(BIN)/python -m pytest -q -m wheel

fmt: $(VENV)/.dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove what can be made again
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
