# `make` lists the targets. Everything below runs in one environment: the active conda environment (other
# than base), else a virtual environment in VENV, made and kept in step by tools/setup.
#
#   CATEGORY  one category or several: sofa, "sofa chair plane"      VENV    the environment's folder (.venv)
#   DATA      meshes to read; left out: built-in procedural shapes   PYTHON  interpreter that makes it (python3)
#   WORK PRESET WORKERS  as --work, --preset, --workers              TORCH   torch==X, or existing: keep what is there
#   ARGS      any other options, passed on as they are

.DEFAULT_GOAL := help

ifeq ($(origin VENV),undefined)
ifneq ($(CONDA_PREFIX),)
ifneq ($(CONDA_DEFAULT_ENV),base)
VENV := $(CONDA_PREFIX)
endif
endif
endif
VENV ?= .venv
PYTHON ?= python3
export VENV PYTHON

bin = "$(VENV)"/bin

# $(call given,DATA,--data): the option when the variable was given, even if empty: t3d refuses an empty one.
quote = '$(subst ','\'',$(1))'
given = $(if $(filter undefined,$(origin $(1))),,$(2) $(call quote,$($(1))))
options = $(call given,DATA,--data) $(call given,WORK,--work) $(call given,PRESET,--preset) \
          $(call given,WORKERS,--workers) $(ARGS)

# $(call t3d,COMMAND): a line per category; without CATEGORY one line, and t3d chooses.
define newline


endef
t3d = $(if $(filter undefined,$(origin CATEGORY)),$(bin)/t3d $(1) $(strip $(options)),$(foreach \
      category,$(or $(strip $(CATEGORY)),""),$(bin)/t3d $(1) --category $(category) $(strip $(options))$(newline)))

# Every category, whatever becomes of the others; with several a page across them.
several = $(word 2,$(CATEGORY))
each = status=0; $(subst $(newline), || status=$$?; ,$(call t3d,$(1))) \
       $(bin)/t3d overview $(call given,WORK,--work); exit $$status

# $(call timed,NAME): a benchmark on COUNT of DATA's meshes, RUNS times; RESULTS=1 keeps the figures.
variable = $(if $(filter undefined,$(origin $(1))),,$(1)=$(call quote,$($(1))))
timed = $(strip $(foreach name,DATA COUNT RUNS RESULTS NETWORK SECONDS,$(call variable,$(name))) \
        $(bin)/python -m benchmarks $(1))

.PHONY: help setup all render sample-sdf train evaluate report test test-slow test-faults fuzz check bench docs gallery
.PHONY: clean bench-sdf bench-render bench-mesh bench-decode bench-train bench-loader bench-score bench-quality

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo; sed -n '4,$${/^#/!q;s/^# \{0,1\}//p;}' $(firstword $(MAKEFILE_LIST))

setup: ## system libraries, environment, packages; quick when nothing changed
	@tools/setup

all: setup ## the whole chain, both solutions, ending with the report
	$(if $(several),@$(call each,run),$(call t3d,run))

render sample-sdf train evaluate report: setup
	$(call t3d,$@)

render: ## 50 easy and 50 hard views of every shape
sample-sdf: ## signed distances around every training shape
train: ## the networks
evaluate: ## reconstructions scored against the ground truth
report: ## the illustrated report

test: setup ## the tests
	OMP_NUM_THREADS=1 $(bin)/python -m pytest -n logical --maxprocesses 8 --dist loadfile $(ARGS)

test-slow: setup ## the tests that take minutes
	$(bin)/python -m pytest -m slow --ignore tests/faults $(ARGS)

test-faults: setup ## runs killed, stopped, starved and cut off, again and again
	OMP_NUM_THREADS=1 $(bin)/python -m pytest -m slow tests/faults $(ARGS)

fuzz: setup ## readers of others' files fed broken ones, guided by coverage: SECONDS in all (600)
	$(bin)/python -m pip install -q atheris==3.0.0
	$(bin)/python tests/fuzz/run.py $(or $(SECONDS),600) $(ARGS)

check: setup ## format, lint, types, import directions, reference page: what CI asks before the tests
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/python tools/reference.py --check

bench: setup ## both sides of every speed figure, timed on this machine
	$(bin)/python -m benchmarks $(ARGS)

bench-sdf bench-render bench-mesh bench-decode bench-train bench-loader bench-score bench-quality: setup
	$(call timed,$(if $(filter %-mesh,$@),surface,$(@:bench-%=%)))

bench-sdf: ## signed distances of DATA's meshes, against mesh-to-sdf
bench-render: ## views of DATA's meshes, against pyrender
bench-mesh: ## mesh extraction, against a dense grid and the octree rule
bench-decode: ## distances from the network, against the network as published
bench-train: ## a step of phase 1, against the network and losses as published
bench-loader: ## training items, against reading a whole sample file per item
bench-quality: ## phase 1 on DATA=work/sofa in equal time, against the network as published
bench-score: ## a hundred damaged copies of DATA's meshes scored, against the time it may take

docs: setup ## write docs/reference.md from the commands' own help
	$(bin)/python tools/reference.py

gallery: setup ## docs/gallery.md: templates of procedural sofas, chairs, planes
	$(bin)/python tools/gallery.py

clean: ## remove caches and build leftovers; the environment and the store stay
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find t3d tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
