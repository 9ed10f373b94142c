# Everything that is done with this repository, by name. It needs make and a Python of 3.11 or newer.

SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin
export PYTHON

.PHONY: help install run test check lint types order format messages browser proxy screenshots coverage bench bench-full aws check-aws test-aws lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Make .venv and install what uv.lock says, with the tools of tests and checks
	@.ci/install dev

run: ## Install what running needs, then serve the demo with real events
	@.ci/install core
	$(BIN)/ticket demo

test: check check-aws browser proxy ## Check, then run every test; ARGS="-k hold" picks some
	$(BIN)/python -m pytest -n auto $(ARGS)

screenshots: install browser ## Write docs/screenshots anew
	$(BIN)/python -m tests.support.screenshots

browser: ## Bring Chromium for the tests of the pages, where this is root on Debian; else say what to install
	@.ci/browser

proxy: ## Bring nginx for the test of several servers behind it, where apt has it; else say what to install
	@.ci/proxy

check: lint types order ## Lint, types and order of imports

lint: install
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

order: install
	$(BIN)/lint-imports

format: install ## Lay out the code and mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: install ## Bring the sentences of the pages (<slice>/locale/*.po) up to date; says what is not translated yet
	$(BIN)/python -m tests.support.messages

coverage: install ## Run every test and list the lines that none reached
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: install ## Measure against the stated references (minutes)
	$(BIN)/python -m bench

bench-full: install ## Measure with ten million orders too (long)
	$(BIN)/python -m bench --full

check-aws: install ## Check the template for AWS with cfn-lint and SAM, in an environment of their own
	deploy/aws/check

test-aws: install ## Deploy the template to an emulator and buy there (minutes; no change waits for it)
	deploy/aws/tools .venv-aws deploy/aws/requirements.txt
	deploy/aws/tools .venv-ministack deploy/aws/emulator.txt
	$(BIN)/python -m pytest tests/aws/whole_stack.py $(ARGS)

aws: install ## Put together what runs on AWS Lambda, in build/aws (docs/aws.md)
	deploy/aws/build $(ARGS)

lock: install ## Resolve the dependencies anew, after pyproject.toml changed
	env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
		UV_NO_CONFIG=1 UV_SYSTEM_CERTS=true UV_PYTHON_DOWNLOADS=never $(BIN)/uv lock

clean: ## Remove what the other targets made, .venv included
	rm -rf .venv .venv-aws .venv-ministack .nginx .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov build dist
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
