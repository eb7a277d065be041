# nntf: see what a classifier does while it trains.

VENV   ?= .venv
PYTHON ?= python3
NNTF   := $(VENV)/bin/nntf

# What the sweep below needs before it can start.
SWEEP_NEEDS = $(INSTALLED)

.DEFAULT_GOAL := help
.SUFFIXES:

.PHONY: help
help:  ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)


# -- installation -----------------------------------------------------------------------------------

INSTALLED   := $(VENV)/.installed
TEST_READY  := $(VENV)/.test-ready
BENCH_READY := $(VENV)/.bench-ready
DASK_READY  := $(VENV)/.dask-ready
SAMPLE_READY := $(VENV)/.samples-ready

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/pip install --quiet --editable .
	@touch $@

$(TEST_READY): pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/pip install --quiet --editable '.[test]'
	@touch $@ $(INSTALLED)

$(BENCH_READY): pyproject.toml | $(INSTALLED)
	$(VENV)/bin/pip install --quiet --editable '.[bench]'
	@touch $@

$(DASK_READY): pyproject.toml | $(TEST_READY)
	$(VENV)/bin/pip install --quiet --editable '.[test,dask]'
	@touch $@

$(SAMPLE_READY): pyproject.toml | $(INSTALLED)
	$(VENV)/bin/pip install --quiet --editable '.[samples]'
	@touch $@


# -- the main job, on the sample logs ------------------------------------------------------------------

DEMO ?= demo
DEMO_LOGS := $(patsubst %,sample_logs/lenet_wd_%.h5,0 0.0005 0.005 0.02 0.05)

.PHONY: demo
demo: $(INSTALLED)  ## Install, then fingerprint, compare, measure and draw the sample logs
	@mkdir -p $(DEMO)
	$(NNTF) fingerprint $(firstword $(DEMO_LOGS)) -o $(DEMO)/fingerprint.npz
	$(NNTF) diff $(firstword $(DEMO_LOGS)) $(lastword $(DEMO_LOGS)) -o $(DEMO)/difference.npz
	$(NNTF) rqa $(DEMO_LOGS) --bands 0.05 -o $(DEMO)/rqa.csv
	$(NNTF) render $(firstword $(DEMO_LOGS)) -o $(DEMO)/fingerprint.png
	$(NNTF) render $(DEMO_LOGS) --diffs ends -o $(DEMO)/sweep.png
	$(NNTF) render sample_logs/scenario_b_k50.h5 -o $(DEMO)/loops.png
	@echo
	@$(NNTF) rqa $(DEMO_LOGS) --bands 0.05 -t text
	@echo
	@echo "Written to $(DEMO)/:"
	@echo "  fingerprint.npz  the distance matrix of one run, with steps, samples moved and accuracy"
	@echo "  difference.npz   how it differs from another run"
	@echo "  rqa.csv          the table above"
	@echo "  fingerprint.png  the run as a picture"
	@echo "  sweep.png        five weight decays side by side, and what separates the ends"
	@echo "  loops.png        a training that goes in circles"
	@echo "To type nntf yourself: source $(VENV)/bin/activate"


# -- a sweep of your own --------------------------------------------------------------------------------
# make sweep LOGS='runs/wd_0.h5 runs/wd_0.01.h5' OUT=results
# From here to the end of the section these rules stand on their own: copy them into a Makefile of yours.

NNTF ?= nntf
LOGS ?= $(DEMO_LOGS)
OUT  ?= sweep

RUNS         := $(basename $(notdir $(LOGS)))
FINGERPRINTS := $(RUNS:%=$(OUT)/fingerprint/%.npz)
# each run and the next: a_minus_b b_minus_c
PAIRS        := $(join $(addsuffix _minus_,$(wordlist 2,$(words $(RUNS)),x $(RUNS))),$(wordlist 2,$(words $(RUNS)),$(RUNS)))
DIFFERENCES  := $(PAIRS:%=$(OUT)/diff/%.npz)

ifneq ($(words $(RUNS)),$(words $(sort $(RUNS))))
$(error two LOGS have the same name: $(LOGS))
endif

ifneq ($(findstring _minus_,$(RUNS)),)
$(error the name of a log holds '_minus_', which stands between two of them here: $(LOGS))
endif

.DELETE_ON_ERROR:
.SECONDEXPANSION:

.PHONY: sweep
sweep: $(FINGERPRINTS) $(DIFFERENCES) $(OUT)/rqa.csv $(OUT)/panels.png  ## LOGS='...' OUT=...: fingerprints, differences, table, panels

$(foreach log,$(LOGS),$(eval $(OUT)/fingerprint/$(basename $(notdir $(log))).npz: $(log)))

$(OUT)/fingerprint/%.npz: | $(SWEEP_NEEDS) $(OUT)/fingerprint/
	$(NNTF) fingerprint $< -o $@

$(OUT)/diff/%.npz: $$(addsuffix .npz,$$(addprefix $(OUT)/fingerprint/,$$(subst _minus_, ,$$*))) | $(OUT)/diff/
	$(NNTF) diff $^ -o $@

$(OUT)/rqa.csv: $(FINGERPRINTS) $(OUT)/.logs
	$(NNTF) rqa $(FINGERPRINTS) --bands 0.05 -o $@

$(OUT)/panels.png: $(FINGERPRINTS) $(OUT)/.logs
	$(NNTF) render $(FINGERPRINTS) $(if $(PAIRS),--diffs neighbours) -o $@

# Remembers which logs, in which order: the table and the panels depend on that too.
$(OUT)/.logs: FORCE | $(OUT)/
	@echo '$(LOGS)' | cmp -s - $@ || echo '$(LOGS)' > $@

.PHONY: FORCE
FORCE:

$(OUT)/ $(OUT)/fingerprint/ $(OUT)/diff/:
	@mkdir -p $@

# end of the section


# -- checks -------------------------------------------------------------------------------------------

PYTEST := $(VENV)/bin/python -m pytest
# Processes that share out the files of the suite.
PROCESSES ?= 2
SUITE := $(PYTEST) -q -n $(PROCESSES) --dist loadfile

.PHONY: test
test: $(TEST_READY)  ## Install, then run the whole suite
	$(SUITE)

.PHONY: check
check: lint types $(DASK_READY) test test-nojit wheel  ## Everything that decides whether a change may land

.PHONY: lint
lint: $(TEST_READY)  ## Style, and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

.PHONY: types
types: $(TEST_READY)  ## Type annotations
	$(VENV)/bin/mypy

# Tests of what calls no kernel, or only those that others call too.
NO_KERNELS := badimports badinputs badoutputs check figures importing pack recorder repair

.PHONY: test-nojit
test-nojit: $(TEST_READY)  ## The kernels' tests without compilation, with coverage
	NUMBA_DISABLE_JIT=1 $(SUITE) -m 'not process' --cov --cov-report=term $(NO_KERNELS:%=--ignore-glob='tests/test_%*')

.PHONY: test-dask
test-dask: $(DASK_READY)  ## The tests of --scheduler, on clusters of this machine's processes (half a minute)
	$(PYTEST) -q tests/test_distributed.py tests/test_distributed_faults.py

# Where pip would fetch torch with CUDA, name an index of CPU builds in PIP_EXTRA_INDEX_URL.
RECORDERS_VENV  := $(VENV)-recorders
RECORDERS_READY := $(RECORDERS_VENV)/.ready

$(RECORDERS_READY): pyproject.toml
	$(PYTHON) -m venv $(RECORDERS_VENV)
	$(RECORDERS_VENV)/bin/pip install --quiet --editable '.[test,torch,keras,lightning,transformers,sklearn,xgboost,lightgbm]' jax
	@touch $@

.PHONY: test-recorders
test-recorders: $(RECORDERS_READY)  ## Install the frameworks into a venv of their own and test their recorders (minutes)
	$(RECORDERS_VENV)/bin/python -m pytest -q tests/test_recorders_*.py

FAULTS ?= 10000

.PHONY: faults
faults: $(TEST_READY)  ## FAULTS=10000: kill recorders that often, cut power, fill disks (half an hour)
	FAULTS=$(FAULTS) $(PYTEST) -q -s tests/test_recorder_faults.py

.PHONY: wheel
wheel: $(TEST_READY)  ## Build the wheel, install it alone, ask every command for help
	rm -rf build/wheel
	$(VENV)/bin/pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/pip install --quiet build/wheel/*.whl
	cd build/wheel && for command in '' $$(venv/bin/python -c 'from nntf_cli.cli.group import COMMANDS; print(*COMMANDS)'); do venv/bin/nntf $$command --help > /dev/null || exit 1; done
	cd build/wheel && venv/bin/python -m nntf_cli --version

.PHONY: bench
bench: $(BENCH_READY)  ## BENCH=W1: ours against named baselines, on this machine (all: twenty minutes, 5 GB)
	$(VENV)/bin/python tests/bench/bench.py --only '$(BENCH)'

.PHONY: samples
samples: $(SAMPLE_READY)  ## Train the sample logs again (needs torch and scikit-learn; eight minutes)
	$(VENV)/bin/python sample_logs/make_samples.py

PICTURES := sample_logs/pictures

.PHONY: pictures
pictures: $(INSTALLED)  ## Draw the README's pictures again: the same bytes, unless drawing has changed
	$(NNTF) render sample_logs/scenario_b_k50.h5 -o $(PICTURES)/loops.png
	$(NNTF) render $(foreach wd,0 0.0005 0.005 0.02 0.05,sample_logs/lenet_wd_$(wd).h5) --diffs neighbours -o $(PICTURES)/sweep.png
	$(NNTF) render sample_logs/boosting_digits.h5 --of distance,floor,excess -o $(PICTURES)/noise.png
	$(NNTF) rqa sample_logs/boosting_digits.h5 --windows 12 --figure $(PICTURES)/windows.png -q > /dev/null
	$(NNTF) classes sample_logs/lenet_lr_0.0005.h5 --figure $(PICTURES)/classes.png -q > /dev/null
	$(NNTF) anomalies sample_logs/vgg_wd_0.02.h5 --window 8 --threshold 30% --figure $(PICTURES)/anomalies.png -q > /dev/null
	$(NNTF) samples sample_logs/vgg_wd_0.005.h5 --split test --class 8 --colour class --figure $(PICTURES)/samples.png -q > /dev/null
	$(NNTF) explain sample_logs/lenet_wd_0.h5 10 12 --figure $(PICTURES)/explained.png -q > /dev/null
	$(NNTF) explain sample_logs/scenario_b_k50.h5 --loops --figure $(PICTURES)/looped.png -q > /dev/null

.PHONY: clean
clean:  ## Remove what the other targets made
	rm -rf $(VENV) $(RECORDERS_VENV) build demo sweep *.egg-info
