# make demo: a clip from a real photo.  make test: everything that must hold.  Both set up what they need.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench bench-segment bench-restore

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/user.stamp  ## install what a user needs into .venv

$(VENV)/user.stamp: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/developer.stamp: $(VENV)/user.stamp requirements-dev.txt requirements-export.txt requirements-executorch.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

demo: $(VENV)/user.stamp  ## render out/demo.mp4 from a portrait
	mkdir -p out
	$(RUN) cli.py vanish assets/demo/astronaut.jpg -o out/demo.mp4 --force

test: check  ## lint, types and all tests
	$(RUN) -m pytest -q -n auto --maxprocesses 8 --dist worksteal

check: $(VENV)/developer.stamp  ## lint and types
	$(RUN) -m ruff check .
	$(RUN) -m mypy cli.py effect pipelines

bench: $(VENV)/developer.stamp  ## how fast clips are drawn, beside the encoder alone and moviepy
	$(RUN) -m pipelines.bench_render $(PLOT)

bench-segment: $(VENV)/developer.stamp  ## how well people are found: PERSONS=FOLDER of NAME_img.jpg and NAME_mask.png
	$(RUN) -m pipelines.bench_segment $(or $(PERSONS),$(error name photos with masks: make bench-segment PERSONS=FOLDER))

bench-restore: $(VENV)/developer.stamp  ## how good restored backgrounds are: CASES=FOLDER of NAME_image, NAME_mask, NAME_truth; VGG=FILE STLPIPS=FILE or MEGAPIXELS=12
	$(RUN) -m pipelines.bench_restore $(or $(CASES),$(error name the cases: make bench-restore CASES=FOLDER)) \
		$(if $(VGG),--vgg $(VGG)) $(if $(STLPIPS),--stlpips $(STLPIPS)) $(if $(MEGAPIXELS),--megapixels $(MEGAPIXELS))
