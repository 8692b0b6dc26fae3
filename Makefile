# `make demo` and `make test` do all the set-up themselves; Python is all they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python

.PHONY: demo test check format music benchmarks clean

demo: $(VENV)/ready
	$(BIN)/editorbot edit examples/jam.ogg --output demo/jam.wav --force
	@echo "Open demo/jam.html in a browser."

test: $(VENV)/ready-dev
	$(MAKE) check

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(RUN) -m pytest -n 2

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@mkdir -p demo
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) build dist demo *.egg-info
