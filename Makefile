# From a fresh clone: `make run` or `make test`, nothing before it. Needed are Python 3.10 or newer and make.
# What is installed goes into .venv and .venv-*; `make clean` takes it away again.

PYTHON ?= python3
# What `make run` listens on.
PORT ?= 5006
EXPORTER_PORT ?= 10506
# Where the renderer of `make pictures` is.
GRAFANA_RENDER ?=
# Passed on to pytest, such as ARGS="-k sessions", or to the benchmarks.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test test-pythons lint field fuzz soak-all explain-all bench deploy deploy-check site docs dashboards e2e pictures clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: ## serve three small apps with the exporter, visit them, and say what to open
	@$(PYTHON) .ci/lines.py prepare
	@.venv/bin/bokeh-exporter demo --port $(PORT) --exporter-port $(EXPORTER_PORT)

test: ## style, types, generated documents, and the suite on each line of Python, Bokeh and Panel
	@$(PYTHON) .ci/lines.py test $(ARGS)

test-pythons: ## the front door on Python 3.13, 3.14 and 3.15; as root on Debian it makes those that are not there
	@$(PYTHON) .ci/pythons.py $(ARGS)

lint: ## style, types and generated documents only
	@$(PYTHON) .ci/lines.py lint

fuzz: ## attack the exporter with what chance draws: ARGS="--seconds 600 --seed 7"
	@$(PYTHON) .ci/lines.py prepare dev
	@.venv/bin/python -m tests.fuzz $(ARGS)

field: ## soak the situations from public reports of tests/field, the truth measured beside
	@$(PYTHON) .ci/lines.py prepare dev
	@.venv/bin/python -m tests.leaks.cases --folder tests/field $(ARGS)

soak-all: ## soak every leak case of tests/leaks on each line of versions, and print what was expected and what came
	@$(PYTHON) .ci/lines.py soak $(ARGS)

explain-all: ## every leaking app through explain, also those that are left out of the tests
	@EXPLAIN_ALL=1 $(PYTHON) .ci/lines.py test tests/front_door/test_explain.py tests/unit/diagnose/test_explain.py

bench: ## what the exporter costs: the same app with it and without it, alternating
	@$(PYTHON) .ci/lines.py prepare dev
	@.venv/bin/python -m benchmarks.run $(ARGS)

deploy: ## copy rules and dashboards to where Kubernetes' tools read them, below deploy/
	@$(PYTHON) deploy/copies.py

deploy-check: ## render deploy/ with kubectl and helm, and check it against published schemas
	@$(PYTHON) .ci/deploy.py

site: ## build the documentation as a web site into build/site
	@$(PYTHON) .ci/lines.py prepare docs
	@.venv/bin/python -m mkdocs build --strict --quiet && echo "built: open build/site/index.html"

docs: ## generate docs/metrics.md, docs/options.md and the tables in other pages of docs/
	@$(PYTHON) docs/build.py

dashboards: ## generate the Grafana boards, the alert rules and the list of runbooks, and their copies below deploy/
	@$(PYTHON) .ci/lines.py prepare dev
	@.venv/bin/python grafana/build.py
	@$(PYTHON) deploy/copies.py

e2e: ## boards and alerts against leaking servers, a real Prometheus and Alertmanager: about five minutes
	@$(PYTHON) .ci/lines.py prepare dev
	@.venv/bin/python -m pytest -m e2e tests/front_door/e2e -v -n 0 $(ARGS)

pictures: ## draw every board against the same stack into docs/pictures; needs GRAFANA_RENDER=path/of/grafana-render
	@$(PYTHON) .ci/lines.py prepare dev
	@.venv/bin/python -m tests.front_door.e2e.pictures "$(GRAFANA_RENDER)" $(ARGS)

clean: ## remove the environments and caches that the other targets make
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
