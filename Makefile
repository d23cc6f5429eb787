# make demo · make check · make test · make bench · make space
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo check test bench space clean

demo: $(VENV)/.demo
	@$(BIN)/python app.py

test: $(VENV)/.test
	@command -v chromium >/dev/null || $(MAKE) --no-print-directory chromium
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --ignore tests/e2e -n 2 --dist loadfile
	$(BIN)/python -m pytest tests/e2e

# For the hour-to-hour work: style, types, and the tests that load no model and start no browser.
check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --ignore tests/e2e -m "not slow" -n 2 --dist loadfile

bench: $(VENV)/.demo
	$(BIN)/python -m bench.quality --out bench/quality.json

# make space REPO=owner/name [PUBLIC=1] [TUNED=owner/model] [BASE=owner/model] [HOME_REPO=owner/name]
#            [BUCKET=owner/name] [HARDWARE=zero-a10g] [DRY_RUN=1]; docs/SPACE.md goes through it.
space: $(VENV)/.demo
	@test -n "$(REPO)" || { echo "Say where: make space REPO=owner/name"; exit 2; }
	@$(BIN)/python -m train.publish.space --repo "$(REPO)" $(if $(HARDWARE),--hardware "$(HARDWARE)") \
		$(if $(TUNED),--tuned-model "$(TUNED)") $(if $(BASE),--base-model "$(BASE)") \
		$(if $(HOME_REPO),--home-repo "$(HOME_REPO)") $(if $(BUCKET),--bucket "$(BUCKET)") \
		$(if $(PUBLIC),--public) $(if $(DRY_RUN),--dry-run)

$(VENV)/.demo: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tandem needs Python 3.11 or newer: make demo PYTHON=python3.12"; exit 1; }
	@echo "Installing what requirements.txt pins into $(VENV) (once, some minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.test: $(VENV)/.demo requirements-dev.txt requirements-onnx.txt
	@echo "Installing what the tests need ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

# The tests drive Debian's Chromium; elsewhere, put any `chromium` on the PATH.
.PHONY: chromium
chromium:
	@echo "Installing Chromium from Debian's packages ..."
	@sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq chromium >/dev/null

clean:
	rm -rf $(VENV) .tandem
