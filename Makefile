# The full recipe, step by step, and the project's own chores. `make help` lists the targets.
#
# Game names hold spaces, so games live in list files, never in make's own lists: a step depends on
# the list, and a finished step is a file.

MODEL  ?= vivit-tiny
SEED   ?= 0
DATA   ?= data/SoccerNet
WORK   ?= work/$(MODEL)-$(SEED)
LAUNCH ?=
# LAUNCH="torchrun --nproc-per-node 8 --no-python" trains and spots on eight GPUs.

TRAIN   := $(DATA)/train.txt
VALID   := $(DATA)/valid.txt
TEST    := $(DATA)/test.txt
EXTRACT ?=
TEACHER ?= $(WORK)/spatial.safetensors
BANK    ?= --teacher "$(TEACHER)"

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTHON ?= python3

SHELL := bash
.SHELLFLAGS := -o pipefail -ec
.DELETE_ON_ERROR:
.PHONY: help install install-cpu recipe demo ablation bench faults docs pictures test test-bounds clean

help: ## list the targets
	@grep -hE '^[a-z.-]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 12
	@echo
	@echo 'recipe: make recipe DATA=… WORK=… MODEL=vivit-tiny SEED=0 LAUNCH="torchrun --nproc-per-node 8 --no-python"'
	@echo 'DATA holds games in SoccerNet'"'"'s layout and train.txt, valid.txt, test.txt (one game a line);'
	@echo 'neither path holds spaces, games may. Stopped, the same command goes on.'

install: $(STAMP) ## make .venv and install into it

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

CPU_INDEX ?= https://download.pytorch.org/whl/cpu

install-cpu: ## make .venv without CUDA's libraries (1.5 GB in place of 7.4)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch torchvision --index-url $(CPU_INDEX)
	$(BIN)/python tests/cpu_requirements.py | $(BIN)/pip install --quiet --disable-pip-version-check -r /dev/stdin
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(STAMP)

# --- the recipe ------------------------------------------------------------------------------------
# A step is a file and depends on the one before; every command writes its file whole or not at all, and
# a step that was stopped goes on. `say` prints when a step began.

say = @printf '\n[%s] %s\n' "$$(date +%T)" "$(1)"
train = $(LAUNCH) $(BIN)/$(1) "$(TRAIN)" --root "$(WORK)/frames" --recipe $(MODEL) --seed $(SEED) -o "$@" $(if $(wildcard $@.resume),--resume)
VALIDATE := $(if $(wildcard $(VALID)),--valid "$(VALID)")

recipe: $(WORK)/test.json ## extract, pretrain, build the bank, distill, fine-tune, spot and score
	cat "$<"

$(WORK)/%.frames: $(DATA)/%.txt $(STAMP)
	$(call say,extract-frames $<)
	mkdir -p "$(WORK)"
	$(BIN)/extract-frames "$<" --root "$(DATA)" -o "$(WORK)/frames" $(EXTRACT) > "$@"

$(DATA)/%.txt:
	@echo "$@: no such list; write one game a line, or name another folder with DATA=" >&2; false

$(WORK)/spatial.safetensors: $(WORK)/train.frames
	$(call say,step 1: pretrain-spatial)
	$(call train,pretrain-spatial)

$(WORK)/bank.h5: $(WORK)/spatial.safetensors
	$(call say,build-bank)
	$(BIN)/build-bank "$(TRAIN)" --root "$(WORK)/frames" $(BANK) -o "$@"

$(WORK)/distilled.safetensors: $(WORK)/bank.h5
	$(call say,step 2: distill)
	$(call train,distill) --bank "$<" --init "$(WORK)/spatial.safetensors"

$(WORK)/spotter.safetensors: $(WORK)/distilled.safetensors $(if $(VALIDATE),$(WORK)/valid.frames)
	$(call say,step 3: finetune)
	$(call train,finetune) --labels "$(DATA)" --init "$<" $(VALIDATE)

$(WORK)/test.jsonl: $(WORK)/spotter.safetensors $(WORK)/test.frames
	$(call say,spot)
	$(LAUNCH) $(BIN)/spot "$(TEST)" --root "$(WORK)/frames" --model "$<" --scores "$(WORK)/test.scores.h5" -o "$@"

$(WORK)/test.json: $(WORK)/test.jsonl
	$(BIN)/nms --soft "$<" | $(BIN)/evaluate --labels "$(DATA)" --games "$(TEST)" --metrics tight,loose -o "$@"

# --- the project's chores --------------------------------------------------------------------------

SAMPLE := tests/data/matches
DEMO   := build/demo

demo: $(STAMP) ## train all three steps on two sample matches and score the third (CPU, minutes)
	@$(MAKE) --no-print-directory "$(DEMO)/spotter.safetensors" \
	    MODEL=smoke DATA=$(SAMPLE) WORK=$(DEMO) EXTRACT="--size 112x64"
	$(call say,spot $(SAMPLE)/test.txt | nms --hard --window 6 | evaluate --chance 20 --table)
	@$(BIN)/spot "$(SAMPLE)/test.txt" --model "$(DEMO)/spotter.safetensors" | $(BIN)/nms --hard --window 6 \
	    | $(BIN)/evaluate --chance 20 --table
	$(call say,done)

ablation: $(VENV)/.installed-bench ## the paper's Tables 5, 4 and 8 on DATA, into docs/experiments.md (hours of CPU, two jobs)
	$(MAKE) -j2 -f tests/bench/ablation.mk

bench: $(VENV)/.installed-bench ## benchmarks beside their limits, as tables of ratios (wants an idle machine)
	mkdir -p build/bench
	for bench in tests/bench/bench_*.py; do printf '\n# %s\n' "$$bench"; $(BIN)/python "$$bench"; done \
	    | tee build/bench/tables.txt
	$(BIN)/python tests/bench/performance_report.py build/bench/tables.txt docs/performance.md

$(VENV)/.installed-bench: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	touch $@

FAULTS    ?= 200
MUTATIONS ?= 10000

faults: $(STAMP) ## kill, starve and feed rubbish to every command: the table of docs/reliability.md (an hour and more)
	$(BIN)/python -m tests.faults $(FAULTS) $(MUTATIONS)

docs: $(STAMP) ## put the commands' own help into docs/
	$(BIN)/python -m tests.help_pages

pictures: demo ## the tutorial's pictures, drawn by the commands from the demo's spotter (wants Chromium)
	$(BIN)/python -m tests.pictures "$(DEMO)/spotter.safetensors" docs

test: $(STAMP) ## lint and test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

TORCH_BACKEND ?= cpu
PYTHONS       ?= 3.11 3.12 3.13

test-bounds: $(VENV)/.installed-bounds ## a part of the suite with the lowest and the highest versions pyproject allows
	$(BIN)/python -m tests.bounds "$(TORCH_BACKEND)" $(PYTHONS)

$(VENV)/.installed-bounds: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bounds]'
	touch $@

clean: ## remove what was built, except .venv
	rm -rf build *.egg-info .pytest_cache .ruff_cache .mypy_cache
