# Each target does its own set-up: a virtual environment in .venv with the versions that envs/ locks for its Python.
# PYTHON=... chooses the interpreter, CORES=4 the number of cores, STUDY=cifar10 the config of that name in config/.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for each in python3.11 python3.12 python3.13; do if $$each -c "" 2> /dev/null; then echo $$each; exit; fi; done; echo python3)
endif
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
CORES ?= all
STUDY ?= paper
SEED ?= 0
VENV := .venv
BIN := $(abspath $(VENV))/bin
READY := $(VENV)/.ready
# The kept runs are from Python 3.11, whose lock has no number in its name.
LOCK := envs/requirements$(filter-out -3.11,-$(VERSION)).lock
PEERS := .venv-peers
MUTANTS := .venv-mutants
DOCS := .venv-docs
export PATH := $(BIN):$(PATH)
# The CPU build of PyTorch is a tenth of the size of the one PyPI offers on Linux; without that index PyPI's is taken.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: help demo test docs mutants reproduce compare benchmark clean lock keep again
.DEFAULT_GOAL := help

help: ## say what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

# Where .venv is of another Python, it is made anew.
$(READY): $(wildcard $(LOCK)) envs/cluster.lock pyproject.toml $(if $(wildcard $(BIN)/python$(VERSION)),,again)
	@test -e $(LOCK) || { echo "error: Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is $(or $(VERSION),not there); write make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	test -x $(BIN)/python$(VERSION) || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install -q --no-deps --retries 1 --index-url $(TORCH_INDEX) $$(grep '^torch==' $<) \
	  || $(BIN)/pip install -q --no-deps $$(grep '^torch==' $<)
	$(BIN)/pip install -q -r $<
	$(BIN)/pip install -q --no-deps -r envs/cluster.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

# A peer that cannot be installed is missing from the benchmark's table, which says so.
$(PEERS)/.ready: envs/peers.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	for each in $$(grep -E '^torch(vision|audio)?==' $<); do \
	  $(PEERS)/bin/pip install -q --no-deps --retries 1 --index-url $(TORCH_INDEX) $$each \
	    || $(PEERS)/bin/pip install -q --no-deps $$each || true; done
	$(PEERS)/bin/pip install -q --no-deps -r $< \
	  || for each in $$(grep -v '^#' $<); do $(PEERS)/bin/pip install -q --no-deps $$each || echo "$$each: not installed"; done
	@touch $@

# mutmut sees the packages of .venv, but for this checkout's own: it is the mutated copy that is imported.
$(MUTANTS)/.ready: envs/mutants.txt $(READY)
	test -x $(MUTANTS)/bin/python || $(PYTHON) -m venv $(MUTANTS)
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > $$($(MUTANTS)/bin/python -c 'import site; print(site.getsitepackages()[0])')/steep.pth
	$(MUTANTS)/bin/pip install -q -r $<
	@touch $@

# The API's pages are made from the modules as they are imported, with the packages of .venv.
$(DOCS)/.ready: envs/docs.txt $(READY)
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install -q --no-deps -r $<
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > $$($(DOCS)/bin/python -c 'import site; print(site.getsitepackages()[0])')/steep.pth
	@touch $@

demo: $(READY) ## the whole study on data that need no download, in minutes; ends by saying where the report lies
	snakemake --cores $(CORES) --configfile config/demo.yaml
	snakemake --cores 1 --configfile config/demo.yaml --report results/demo/report.html
	@cat results/demo/tables/talk.md
	@echo "The report of the demo study: $(abspath results/demo/report.html)"

test: $(READY) ## pass the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

docs: $(DOCS)/.ready ## build the site of the documentation; a broken link or reference is an error
	PYTHONPATH=src $(DOCS)/bin/sphinx-build -q -W --keep-going -d site/doctrees -c docs . site/html
	@echo "The documentation: $(abspath site/html/index.html)"

mutants: $(MUTANTS)/.ready ## change the code in 400 places, one at a time, and see whether a test fails (about an hour)
	PATH=$(abspath $(MUTANTS))/bin:$$PATH PYTHONPATH=$(CURDIR)/mutants/src OMP_NUM_THREADS=1 python tests/mutants.py 400 $(SEED)

reproduce: $(READY) ## the paper study, the same as `snakemake --cores all`; another one with STUDY=...
	snakemake --cores $(CORES) --configfile config/$(STUDY).yaml
	snakemake --cores 1 --configfile config/$(STUDY).yaml --report results/$(STUDY)/report.html
	@cat results/$(STUDY)/tables/talk.md
	@echo "The report of the $(STUDY) study: $(abspath results/$(STUDY)/report.html)"

compare: $(READY) ## hold the tables of `make reproduce` against those of the kept run, with the intervals
	@$(BIN)/python -m steep compare-kept --accuracy results/$(STUDY)/tables/accuracy.csv --kept $(KEPT)/accuracy.csv

clean: ## remove results and Snakemake's notes; keep downloads (data/) and the environment (.venv)
	rm -rf results mutants site .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Of PyTorch, what both its builds need: the one of PyPI brings CUDA besides.
lock: ## resolve envs/requirements.in anew, for the Python that PYTHON=... chooses
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install -q --index-url $(TORCH_INDEX) --no-deps $$(grep -o '^torch==[0-9.]*' envs/requirements.in) || true
	$(VENV)-lock/bin/pip install -q -r envs/requirements.in
	(echo "# Written by make lock from requirements.in. Python $(VERSION), Linux."; \
	  $(VENV)-lock/bin/pip freeze | sed 's/+cpu//' | grep -vE '^(cuda|nvidia)-|^triton==') > $(LOCK)
	rm -rf $(VENV)-lock

benchmark: $(READY) $(PEERS)/.ready ## measure what simulators (ours, other people's), training and the STPU cost (hours); results in results/benchmark
	snakemake --cores 1 results/paper/frames/mnist/binarized/train.npz
	$(BIN)/python -m steep benchmark-simulators --config config/paper.yaml --frames results/paper/frames/mnist/binarized/train.npz \
	  --repetitions 3 --csv results/benchmark/simulators.csv --figure results/benchmark/simulators.svg
	$(BIN)/python -m steep benchmark-sizes --config config/paper.yaml --frames results/paper/frames/mnist/binarized/train.npz \
	  --csv results/benchmark/sizes.csv --figure results/benchmark/sizes.svg
	$(BIN)/python -m steep benchmark-training --config config/paper.yaml --train-frames results/paper/frames/mnist/binarized/train.npz \
	  --epochs 1 --turns 3 --csv results/benchmark/training.csv
	$(BIN)/python -m steep benchmark-stpu --repetitions 3 --csv results/benchmark/stpu.csv --figure results/benchmark/stpu.svg

# The paper study's kept run lies in report/kept itself, another study's in a folder below.
KEPT = report/kept$(if $(filter-out paper,$(STUDY)),/$(STUDY))
TABLES = accuracy.csv talk.csv talk.md comparisons.csv costs.csv margins.csv sweep-bits.csv provenance.csv \
  $(if $(filter paper,$(STUDY)),stpu.csv sweep-stpu.csv)

keep: $(READY) ## keep the tables of a study and the benchmarks in report/kept, and fill the tables of docs from them
	mkdir -p $(KEPT)
	cp $(addprefix results/$(STUDY)/tables/,$(TABLES)) $(KEPT)/
	set -e; for each in tables/effects.csv figures/effects.svg; do \
	  test ! -e results/$(STUDY)/$$each || cp results/$(STUDY)/$$each $(KEPT)/; done
ifeq ($(STUDY),paper)
	cp results/paper/figures/convergence-stpu-dnn-binarized.svg report/kept/
	cp results/paper/figures/overview.svg docs/
endif
	set -e; for each in simulators sizes training stpu; do for kind in csv svg; do \
	  test ! -e results/benchmark/$$each.$$kind || cp results/benchmark/$$each.$$kind report/kept/$$each-cost.$$kind; done; done
	$(BIN)/python -m steep update-pages --kept report/kept --pages README.md docs/results.md docs/cost.md docs/sharpening.md
