# Each verb sets up what it needs by itself. `make` alone prints them.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python

.PHONY: help run demo test check feature bench scan world screenshots format lock docs baseline words clean runtime development

help: ## print this list
	@echo 'Regulars: a community bot for streamers on Kick and Twitch with a Discord server.'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'New here? Try "make run". It needs Python 3.11 or newer and no tokens: without them it starts'
	@echo 'a simulated Discord server, Kick and Twitch channel to play with. The rest is in README.md.'

run: runtime ## start everything; stop it with Ctrl-C
	@$(PY) combined_server.py

demo: runtime ## play a scripted stream at speed and print what people would see
	@$(PY) -m sandbox.demo

test: check ## check, then run every test (real PostgreSQL, Redis, browser)
	$(PY) -m tests

check: development ## format, lint, types, and who may import whom
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -q tests/conventions/test_layers.py

feature: development ## test one feature, and what it has to fit to: make feature NAME=slot_calls
	$(PY) -m tests.feature $(NAME)

bench: development ## measure speed and memory; writes benchmarks/results.json
	@$(PY) -m benchmarks

scan: development ## attack the product in its sandbox with wapiti; writes its summary into docs/security.md
	@test -x .venv/scan/bin/wapiti || { $(PY) -m venv .venv/scan && .venv/scan/bin/pip install -q wapiti3==3.2.3; }
	@$(PY) -m tests.scan

world: development ## live SEEDS=10000 simulated worlds on all cores; what fails is shrunk and kept
	@$(PY) -m tests.world --seeds $(or $(SEEDS),1000)

screenshots: development ## take pictures of every page, in both themes and two widths
	@$(PY) -m tests.screenshot_pages

format: development ## format the code
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

lock: development ## renew the locks after an edit of requirements.in or requirements-dev.in
	@for name in requirements requirements-dev; do \
	    $(PY) -m uv pip compile $$name.in --output-file $$name.txt --quiet --universal --python-version 3.11 \
	        --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' || exit; \
	done

docs: development ## write .env.example, docs/settings.md and docs/commands.md anew
	$(PY) -m tests.conventions.documents

baseline: development ## write the schema of the records into core/migrations (until 0.2.0 is released)
	$(PY) -m core.migrations.baseline

words: development ## collect what is said to people into core/locale, for translators
	@mkdir -p core/locale
	$(PY) -m babel.messages.frontend extract --mapping pyproject.toml --project Regulars --sort-by-file --no-location \
	    --keyword plural:1,2 --output core/locale/regulars.pot bot.py core
	@for catalogue in core/locale/*/LC_MESSAGES/regulars.po; do \
	    test -f "$$catalogue" || continue; \
	    $(PY) -m babel.messages.frontend update --input-file core/locale/regulars.pot --output-file "$$catalogue" \
	        --locale "$$(basename "$$(dirname "$$(dirname "$$catalogue")")")" || exit; \
	    $(PY) -m babel.messages.frontend compile --input-file "$$catalogue" --output-file "$${catalogue%.po}.mo" || exit; \
	done

clean: ## remove what set-up and tests made (your data stays)
	rm -rf .venv node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

runtime:
	@sh .ci/setup requirements.txt

development:
	@sh .ci/setup requirements-dev.txt
