# Set-up and the few commands that a newcomer needs. Everything is kept in .venv and in the
# user's cache folder (PBX_BRIDGE_CACHE says otherwise); the system is not touched.

PYTHON ?= python3.11
PYTHON := $(shell command -v $(PYTHON) || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check

HOURS ?= 8
RATE ?= 5

.PHONY: demo run test check soak bench setup clean

demo: setup ## Bring everything, start the sample municipality, and show the main job
	$(BIN)/python -m pbx_bridge.demo

run: setup ## The same exchange, staying up
	$(BIN)/pbx-bridge up

# Where this is set, a test that would be skipped fails (tests/conftest.py).
test: export CI = true
test: setup ## All tests; the real calls mostly listen, so several go on at once
	$(BIN)/pytest -m "not calls" -n auto
	$(BIN)/pytest -m "calls and not load" -n 3 --dist worksteal
	$(BIN)/pytest -m "calls and load" -n 2 --dist worksteal

check: $(READY) ## Style, types and architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: setup ## Traffic for eight hours (HOURS, RATE calls a second): what fails, and what grows
	PYTHONPATH=tests $(BIN)/python -m calls.soak --hours $(HOURS) --rate $(RATE)

bench: setup ## Benchmarks, side by side with the native dialplan
	$(BIN)/python -m benchmarks

setup: $(READY)
	@$(BIN)/python -m pbx_bridge.asterisk.renewing

$(READY): requirements.txt pyproject.toml
	@echo "Making $(VENV) and installing the pinned dependencies …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) state build *.egg-info
