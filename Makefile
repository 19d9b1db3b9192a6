# Needs Python 3.10 or newer with pip, and nothing else. Another interpreter: make demo PYTHON=python3.12
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
FRAMEWORKS := .venv-frameworks
NOTEBOOK := .venv-notebook
TRACKERS := .venv-trackers
CHECKS := .venv-checks
DIST := .venv-dist
RUN := $(VENV)/bin/python
PIP := -m pip --disable-pip-version-check install --quiet
# Each file of tests in one process, as many at once as there are CPUs.
SPREAD := -n auto --dist loadfile
# More options for pytest: make test ARGS="-k encoder"
ARGS ?=

SOURCES := $(wildcard nnanim/*.py nnanim/*/*.py nnanim/*/*/*.py)
SAMPLE := $(wildcard sample_results/iris/*)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test test-lowest test-frameworks fixtures lint format typecheck sample gallery docs clean
.PHONY: bench profile fuzz kills verifytypes security sample-frameworks dist test-trackers

help:  ## List what make can do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1 - \2/p' Makefile | awk -F ' - ' '{printf "%-17s  %s\n", $$1, $$2}'

demo: demo.gif  ## Set everything up in .venv and render sample_results/iris into demo.gif
	@echo 'demo.gif is ready: look at it in a browser or an image viewer'
	@echo 'the program is $(VENV)/bin/nnanim: try $(VENV)/bin/nnanim --help'

demo.gif: $(VENV)/.installed $(SOURCES) $(SAMPLE)
	$(RUN) -m nnanim render sample_results/iris --shape 4,5,5,5,3 -o demo.gif

test: $(VENV)/.dev  ## Run the tests (set up first what is missing)
	$(RUN) -m pytest $(SPREAD) $(ARGS)

# Old releases warn about each other, so warnings are not errors here.
test-lowest: $(LOWEST)/.installed  ## Run the tests with the oldest supported packages, without Chainer (Python 3.10)
	$(LOWEST)/bin/python -m pytest $(SPREAD) -W default --disable-warnings -p no:cacheprovider $(ARGS)

test-frameworks: $(FRAMEWORKS)/.installed  ## Run the tests that need PyTorch, Lightning, Keras and Transformers (2 GB)
	$(FRAMEWORKS)/bin/python -m pytest -p no:cacheprovider tests/test_frameworks.py tests/test_frameworks_formats.py tests/test_result_folders.py \
	  tests/test_tutorial.py $(ARGS)

test-trackers: $(TRACKERS)/.installed  ## Run the tests that need TensorBoard, Weights & Biases and MLflow (1 GB)
	$(TRACKERS)/bin/python -m pytest -p no:cacheprovider tests/test_trackers.py $(ARGS)

test-notebook: $(NOTEBOOK)/.installed  ## Run the tests in a real JupyterLab in Chromium (300 MB)
	$(NOTEBOOK)/bin/python -m pytest -p no:cacheprovider -W default tests/test_jupyterlab.py $(ARGS)

fixtures: $(FRAMEWORKS)/.installed  ## Train the networks of tests/fixtures again
	for name in pytorch dcp onnx flax orbax lightning keras transformers; do \
	  $(FRAMEWORKS)/bin/python tests/training/train_$$name.py || exit 1; done

fuzz: $(VENV)/.dev  ## Damage result folders for ten minutes: nothing but NnanimError may come out
	$(RUN) tests/fuzzing.py $(ARGS)

kills: $(VENV)/.dev  ## End 200 commands by signals at random moments: no older output may be harmed
	$(RUN) tests/killing.py $(ARGS)

bench: $(VENV)/.bench  ## Measure speed, memory and file size against others: benchmarks/RESULTS.md
	$(RUN) benchmarks/bench.py $(ARGS)

profile: $(VENV)/.installed  ## Say where the time of a render goes, stage by stage: benchmarks/PROFILE.md
	$(RUN) benchmarks/profiling.py $(ARGS)

lint: $(VENV)/.dev  ## Check style and formatting
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: $(VENV)/.dev  ## Mend style and formatting
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

typecheck: $(VENV)/.dev  ## Check types
	$(RUN) -m mypy

# Pyright looks for packages in the Python that is first on PATH, whatever --pythonpath says, and PYTHONPATH would hide
# the wheel. What matplotlib, pandas and Pillow leave open of their own types is not counted.
verifytypes: $(CHECKS)/.installed  ## Check that the types of all that is public are said, in the wheel as it is installed
	cd $(CHECKS) && PATH="$$PWD/bin:$$PATH" && unset PYTHONPATH && pyright --verifytypes nnanim --ignoreexternal

# pip-audit asks a service on the network which releases have known faults.
security: $(CHECKS)/.installed  ## Look for risky code (bandit), and for known faults of packages (pip-audit, online)
	$(CHECKS)/bin/bandit --quiet --configfile pyproject.toml --recursive nnanim
	@told=$$($(CHECKS)/bin/pip-audit --progress-spinner off --timeout 20 \
	    --path "$$($(CHECKS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" 2>&1); \
	case "$$told" in \
	  *'Found '*' known vulnerabilit'*) echo "$$told"; exit 1 ;; \
	  *'numpy'*'could not be audited'*) echo 'pip-audit was skipped: the service that was asked knows no package' ;; \
	  *'No known vulnerabilities found'*) echo 'pip-audit: no known vulnerabilities' ;; \
	  *) echo 'pip-audit was skipped: the service that knows of vulnerable packages does not answer' ;; \
	esac

# scikit-learn, which brings the digits, is among the tools for development.
sample: $(VENV)/.dev  ## Train the samples again: sample_results/iris, digits, convolutions, effects
	$(RUN) sample_results/train_iris.py
	$(RUN) sample_results/train_digits.py
	$(RUN) sample_results/train_convolutions.py
	$(RUN) sample_results/train_effects.py

sample-frameworks: $(FRAMEWORKS)/.installed  ## Train the samples of PyTorch again: residual, transformer, lstm
	$(FRAMEWORKS)/bin/python sample_results/train_residual.py
	$(FRAMEWORKS)/bin/python sample_results/train_transformer.py
	$(FRAMEWORKS)/bin/python sample_results/train_lstm.py

gallery: $(VENV)/.installed  ## Make the pictures of docs/gallery.md again
	$(RUN) docs/run_commands.py docs/gallery.md

docs: $(VENV)/.installed  ## Write what programs can write of the docs: reference, roles, rules, outputs
	$(RUN) docs/make_reference.py
	$(RUN) docs/fill_outputs.py docs/effects.md
	$(RUN) docs/make_roles.py
	$(RUN) docs/make_checking.py
	$(RUN) docs/make_checking_picture.py

# Each is tried where nothing else is: no checkout to import from, no Graphviz on PATH.
dist: $(DIST)/.installed  ## Build wheel and sdist into dist/, check them, and render with each in an empty environment
	rm -rf dist
	$(DIST)/bin/python -m build --outdir dist
	$(DIST)/bin/python -m twine check --strict dist/*
	for file in "$$PWD"/dist/*.whl "$$PWD"/dist/*.tar.gz; do \
	  rm -rf $(DIST)/empty && $(DIST)/bin/python -m virtualenv --quiet $(DIST)/empty && \
	  $(DIST)/empty/bin/python $(PIP) "$$file" && ( cd $(DIST)/empty && export PATH="$$PWD/bin" && \
	    nnanim --version && nnanim render ../../sample_results/iris -o iris.gif -o iris.html ) || exit 1; done
	rm -rf $(DIST)/empty
	@echo 'dist/ is ready; CONTRIBUTING.md says what else a release takes'

clean:  ## Remove what make has made, the environments too
	rm -rf $(VENV) $(LOWEST) $(FRAMEWORKS) $(TRACKERS) $(CHECKS) $(DIST) demo.gif build dist
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find nnanim tests sample_results -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written only when its step is through, so a step that was broken off is done again.
$(VENV)/.installed: pyproject.toml nnanim/__init__.py build-constraints.txt | $(VENV)/.made
	@echo 'installing nnanim and Chainer into $(VENV); the first time this takes a minute or two'
	$(RUN) $(PIP) --build-constraint build-constraints.txt --editable '.[chainer]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.installed
	$(RUN) $(PIP) --group dev
	@touch $@

$(VENV)/.bench: pyproject.toml $(VENV)/.installed
	$(RUN) $(PIP) --group bench
	@touch $@

# nnanim as users get it, from its wheel and without the sources beside it.
$(CHECKS)/.installed: pyproject.toml $(SOURCES) | $(CHECKS)/.made
	$(CHECKS)/bin/python $(PIP) --group checks .
	$(CHECKS)/bin/python $(PIP) --no-deps --force-reinstall .
	@touch $@

$(LOWEST)/.installed: pyproject.toml nnanim/__init__.py tests/lowest-versions.txt | $(LOWEST)/.made
	$(LOWEST)/bin/python $(PIP) --constraint tests/lowest-versions.txt --group test --editable '.[dask,orbax]'
	@touch $@

$(NOTEBOOK)/.installed: pyproject.toml nnanim/__init__.py | $(NOTEBOOK)/.made
	$(NOTEBOOK)/bin/python $(PIP) --group notebook --editable .
	@touch $@

$(FRAMEWORKS)/.installed: pyproject.toml nnanim/__init__.py | $(FRAMEWORKS)/.made
	$(FRAMEWORKS)/bin/python $(PIP) --group frameworks --editable .
	@touch $@

$(TRACKERS)/.installed: pyproject.toml nnanim/__init__.py | $(TRACKERS)/.made
	$(TRACKERS)/bin/python $(PIP) --group trackers --editable .
	@touch $@

$(DIST)/.installed: pyproject.toml | $(DIST)/.made
	$(DIST)/bin/python $(PIP) --group dist
	@touch $@

# An environment that works is kept. Where Debian leaves ensurepip out (no python3-venv), the interpreter's own pip
# puts pip into the environment.
%/.made:
	@command -v '$(PYTHON)' >/dev/null || { \
	  echo "there is no '$(PYTHON)' here; name a Python 3.10 or newer: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "nnanim needs Python 3.10 or newer, but '$(PYTHON)' is $$('$(PYTHON)' --version 2>&1)" >&2; \
	  echo "name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$*/bin/python -m pip --version >/dev/null 2>&1 || \
	{ '$(PYTHON)' -c 'import ensurepip' 2>/dev/null && '$(PYTHON)' -m venv --clear $*; } || \
	{ '$(PYTHON)' -m venv --clear --without-pip $* && '$(PYTHON)' $(PIP) --target \
	    "$$($*/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" pip; } || { \
	  echo "'$(PYTHON)' can make no virtual environment: it has neither ensurepip nor pip" >&2; \
	  echo "(on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$*/bin/python $(PIP) --upgrade 'pip>=25.3'
	@touch $@
