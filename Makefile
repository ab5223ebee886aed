# Every target brings what it needs: a bare checkout and Python 3.11 are enough.
# Recipes stay short; anything longer than three lines is a script under scripts/.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help run test demo accept check bench messages bootstrap

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: bootstrap ## the site and its workers on http://127.0.0.1:8000; Ctrl-C stops it all
	@exec scripts/run.sh

test: bootstrap ## the whole suite, on SQLite and on PostgreSQL; ARGS="-k word" goes to pytest
	@scripts/test.sh $(ARGS)

demo: bootstrap ## the main job without a person, in a temporary folder
	@$(BIN)/python scripts/demo.py

accept: bootstrap ## the acceptance on real data; DATA_DIR=folder says where it is
	@scripts/accept.sh $(ARGS)

check: bootstrap ## linters, types, import contracts, migrations, translations
	@scripts/check.sh

bench: bootstrap ## every benchmark; ONLY=name,name some of them; JSON=path writes them too
	@$(BIN)/python scripts/bench.py $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json $(JSON))

messages: bootstrap ## collect the strings to translate and compile the translations
	@$(BIN)/python scripts/translations.py write

bootstrap: ## virtual environment, packages, front-end files
	@$(PYTHON) scripts/bootstrap.py
