# Two commands do all set-up: `make run` crawls the bundled demo site, `make test` runs every check.
# Each makes its own virtual environment in .venv, with uv when it is there, else with venv and pip.

SHELL := /bin/bash
VENV := .venv
PYTHON := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null)
CANDIDATES := python3.14 python3.13 python3.12 python3.11 python3
# A version manager's shims exist without working, so each candidate is tried.
BASE := $(shell for p in $(CANDIDATES); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: run test check quick format docs bench bench-frontier chaos results-chaos simulate real-site manuals hostile big-file test-deps clean distros

run: $(VENV)/.run
	$(PYTHON) -m acrawl demo

test: $(VENV)/.test test-deps check
	$(PYTHON) -m pytest tests -q -p no:cacheprovider $(PYTEST)

check: $(VENV)/.test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(PYTHON) -m pytest -q -p no:cacheprovider tests/test_layers.py tests/test_public_api.py

quick: $(VENV)/.test
	$(PYTHON) -m pytest tests -q -m 'not process and not browser and not slow'

format: $(VENV)/.test
	$(VENV)/bin/ruff check --fix -q . ; $(VENV)/bin/ruff format .

# What is printed by the code itself.
docs: $(VENV)/.test
	$(PYTHON) -m acrawl settings > config/default.toml

# Needs nginx and the sites that benchmarks/compare.py names.
bench: $(VENV)/.test
	$(PYTHON) benchmarks/compare.py

# A hundred kills -9 of masters and workers in one crawl of 20,000 pages: about ten minutes. CHAOS="--seed 7" repeats one.
chaos: $(VENV)/.test
	$(PYTHON) tools/chaos.py $(CHAOS)

# A hundred kills -9 of crawls into all kinds of results at once, over three visits: about six minutes.
results-chaos: $(VENV)/.test
	$(PYTHON) tools/results_under_fire.py $(CHAOS)

# A file of 2 GB whose download is cut three times, once by kill -9 of its worker: a quarter of a minute.
big-file: $(VENV)/.test
	$(PYTHON) tools/big_file.py

# To ten million URLs; takes a quarter of an hour.
bench-frontier: $(VENV)/.test
	$(PYTHON) benchmarks/frontier.py

# Ten million decisions about a hundred thousand hosts, on a clock of its own.
simulate: $(VENV)/.test
	$(PYTHON) benchmarks/simulate.py

# Needs root, nginx and gimp-help-en.
real-site: $(VENV)/.test
	$(PYTHON) tools/real_site.py

# Every page and image of real manuals, as an independent walk over their files finds them; needs root and nginx.
manuals: $(VENV)/.test
	$(PYTHON) tools/manuals.py

# What only the system's packages have: a browser for the pages we make, nginx, and zstd to read what we write.
test-deps:
	@tools/test_deps.sh

# What becomes of each hostile behaviour: outcome, seconds, memory, connections.
hostile: $(VENV)/.test
	$(PYTHON) tools/hostile.py

# The whole of it in minimal Debian 12 and 13 folders; needs root and debootstrap.
distros:
	tools/distros.sh

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

$(VENV)/bin/python:
	@test -n "$(BASE)" || { echo "Python 3.11 or newer is needed: sudo apt-get install -y git make python3-venv"; exit 3; }
ifdef UV
	@uv venv -q --python "$(BASE)" $(VENV)
else
	@"$(BASE)" -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
		echo "this Python cannot make virtual environments: sudo apt-get install -y git make python3-venv"; exit 3; }
endif

ifdef UV
INSTALL := uv pip install -q --python $(PYTHON)
else
INSTALL := $(PYTHON) -m pip install -q --disable-pip-version-check --no-input
endif

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.run
