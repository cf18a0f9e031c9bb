# From a fresh clone: `make run` or `make test`, nothing before it. Needed are Python 3.10 or newer and make.
# What is installed goes into .venv and .venv-*; `make clean` takes it away again.

PYTHON ?= python3
# What `make run` listens on.
PORT ?= 5006
EXPORTER_PORT ?= 10506
# Passed on to pytest, such as ARGS="-k sessions", or to the benchmarks.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint bench deploy deploy-check docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: ## serve an example Panel app with the exporter, and say what to open and to look for
	@$(PYTHON) .ci/lines.py prepare
	@.venv/bin/python .ci/example.py --port $(PORT) --exporter-port $(EXPORTER_PORT)

test: ## style, types, generated documents, and the suite on each line of Python, Bokeh and Panel
	@$(PYTHON) .ci/lines.py test $(ARGS)

lint: ## style, types and generated documents only
	@$(PYTHON) .ci/lines.py lint

soak-all: ## soak every leak case of tests/leaks on each line of versions, and print what was expected and what came
	@$(PYTHON) .ci/lines.py soak $(ARGS)

bench: ## what the exporter costs: the same app with it and without it, alternating
	@$(PYTHON) .ci/lines.py prepare dev
	@.venv/bin/python -m benchmarks.run $(ARGS)

deploy: ## copy rules and dashboards to where Kubernetes' tools read them, below deploy/
	@$(PYTHON) deploy/copies.py

deploy-check: ## render deploy/ with kubectl and helm, and check it against published schemas
	@$(PYTHON) .ci/deploy.py

docs: ## generate docs/metrics.md, docs/options.md and the tables in README.md
	@$(PYTHON) docs/build.py

clean: ## remove the environments and caches that the other targets make
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
