# Two commands: `make book` builds the site, `make test` proves that it works. `make help` lists the rest.
# This file is the cache of executed notebooks: a copy under _build/executed is run again when its notebook, the
# package modules it imported, the recorded runs or the profile change.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

MEDSYN_PROFILE ?= laptop
PROFILE := $(MEDSYN_PROFILE)
PYTHON ?= $(firstword $(shell for p in python3 python3.13 python3.12 python3.11; do \
            $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done))
PY := .venv/bin/python
READY := .venv/.ready
VENDOR := book/_vendor/.ready

# The published profile goes to _build/html; any other has its own site.
SITE := _build/$(if $(filter laptop,$(PROFILE)),html,site-$(PROFILE))
EXECUTED := _build/executed/$(PROFILE)
PDF := _build/medsyn$(if $(filter laptop,$(PROFILE)),,-$(PROFILE)).pdf

CHAPTERS := $(wildcard $(addsuffix .ipynb,$(shell sed -n 's/^ *-* *\(file\|root\): *//p' _toc.yml)))
COPIES := $(addprefix $(EXECUTED)/,$(CHAPTERS))
RECORDS := $(shell find book/records -type f -not -name '.*')
PAGES := _config.yml _toc.yml CHANGELOG.md scripts/build_site.py $(shell find book -type f \
           \( -name '*.md' -o -name '*.bib' -o -path 'book/_static/*' -o -path 'book/_ext/*.py' \) -not -path 'book/_vendor/*')

export MEDSYN_PROFILE
export MEDSYN_PROGRESS := 0
export OMP_WAIT_POLICY := PASSIVE
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help setup book pdf test records course teaching lab strip fresh colab release clean
help:   ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

setup: $(READY)  ## create .venv with the pinned requirements and the package

$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with the venv module found; install one or say PYTHON=/path/to/python3.11."; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --requirement requirements.txt
	$(PY) -m pip install --quiet --no-deps --editable .
	@touch $@

$(VENDOR): scripts/vendor_js.py $(READY)
	$(PY) scripts/vendor_js.py
	@mkdir -p $(@D) && touch $@

book: $(SITE)/.built  ## execute the chapters (MEDSYN_PROFILE, default laptop) and build the site
	@echo "The book is built: $(SITE)/index.html (profile: $(PROFILE))"

# Order-only on the environment: touching pyproject.toml re-installs but re-runs no chapter by itself.
$(EXECUTED)/%.ipynb: %.ipynb scripts/execute.py requirements.txt $(RECORDS) | $(READY)
	$(PY) scripts/execute.py $< $@

# They read in the chapters where an exhibit is shown.
$(addprefix $(EXECUTED)/book/appendix/,claims.ipynb exhibits.ipynb equations.ipynb): $(filter book/part%,$(CHAPTERS))

# Which modules of the package a chapter imported, written by scripts/execute.py beside its executed copy.
-include $(COPIES:=.d)

$(SITE)/.built: $(COPIES) $(PAGES) $(READY) $(VENDOR)
	@rm -f $@
	$(PY) scripts/build_site.py $(EXECUTED) $(SITE)
	@touch $@

pdf: $(PDF)  ## print that site as one file, _build/medsyn.pdf, with Chromium
	@echo "The book is printed: $(PDF) (profile: $(PROFILE))"

$(PDF): $(SITE)/.built scripts/print_book.py scripts/one_page.py
	$(PY) scripts/print_book.py $(SITE) $@

test: $(READY)  ## lint, the book in the smoke profile, every test, the site in a browser
	$(PY) -m ruff check .
	OMP_NUM_THREADS=1 $(MAKE) --jobs=2 book MEDSYN_PROFILE=smoke
	OMP_NUM_THREADS=1 $(PY) -m pytest -m "site or not site" --numprocesses=2 --dist=loadfile

records: $(READY)  ## make the recorded runs again that are missing or out of date (hours; profile as above)
	$(PY) -m medsyn_core record all

course: $(READY)  ## write the students' editions and their list (book/assignments) from teaching/source
	$(PY) scripts/course.py students

teaching: $(READY)  ## execute the teacher's editions, with solutions and rubrics, into _build/teaching
	$(PY) scripts/course.py teachers

lab: $(READY)  ## open the chapters in JupyterLab
	MEDSYN_PROGRESS=1 .venv/bin/jupyter lab book

strip: $(READY)  ## remove outputs and counts from the chapters, as the tests ask
	.venv/bin/nbstripout --drop-empty-cells $$(find book -name '*.ipynb')

# TORCH=1.2.3 and NUMPY=1.2.3 ask for one version where pip's own choice is not wanted.
fresh: $(READY)  ## install wheel and sdist into empty environments and run the README's example there
	$(PY) scripts/fresh_install.py $(if $(TORCH),--torch $(TORCH))

colab: $(READY)  ## install the package into an environment like Colab's and execute two chapters there
	$(PY) scripts/colab_install.py $(if $(TORCH),--torch $(TORCH)) $(if $(NUMPY),--numpy $(NUMPY))

release: book  ## pack wheel, sdist, site and recorded runs with their hashes into dist (TAG=v1.2.3 is checked)
	$(PY) scripts/release.py $(SITE) $(if $(TAG),--tag '$(TAG)')

clean:   ## remove everything built (keeps .venv)
	rm -rf _build dist book/_vendor
