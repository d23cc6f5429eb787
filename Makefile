# make demo · make check · make test · make bench [PART=question] · make space · make audit · make lock
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo check test bench space audit lock clean

demo: $(VENV)/.demo
	@$(BIN)/python app.py

test: $(VENV)/.test
	@command -v chromium >/dev/null || $(MAKE) --no-print-directory chromium
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --ignore tests/e2e -n 2 --dist loadfile
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/e2e -n 2 --dist loadfile --no-loadscope-reorder

# For the hour-to-hour work: style, types, and the tests that load no model and start no browser.
check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --ignore tests/e2e -m "not slow" -n 2 --dist loadfile

bench: $(VENV)/.demo
	@$(BIN)/python -m bench $(PART)

# make space REPO=owner/name [PUBLIC=1] [TUNED=owner/model] [BASE=owner/model] [HOME_REPO=owner/name]
#            [BUCKET=owner/name] [HARDWARE=zero-a10g] [DRY_RUN=1]; docs/SPACE.md goes through it.
space: $(VENV)/.demo
	@test -n "$(REPO)" || { echo "Say where: make space REPO=owner/name"; exit 2; }
	@$(BIN)/python -m train.publish.space --repo "$(REPO)" $(if $(HARDWARE),--hardware "$(HARDWARE)") \
		$(if $(TUNED),--tuned-model "$(TUNED)") $(if $(BASE),--base-model "$(BASE)") \
		$(if $(HOME_REPO),--home-repo "$(HOME_REPO)") $(if $(BUCKET),--bucket "$(BUCKET)") \
		$(if $(PUBLIC),--public) $(if $(DRY_RUN),--dry-run)

# torch goes first: where pip is given a folder with its build for CPUs (PIP_FIND_LINKS), that is
# taken, and NVIDIA's libraries are left out.
$(VENV)/.demo: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tandem needs Python 3.11 or newer: make demo PYTHON=python3.12"; exit 1; }
	@echo "Installing what requirements.lock pins into $(VENV) (once, some minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@awk '/^torch==/ {on = 1} on {print} on && !/\\$$/ {exit}' $< > $(VENV)/torch.lock
	@$(PIP) --no-index --no-deps --require-hashes -r $(VENV)/torch.lock 2>/dev/null || \
		$(PIP) --no-deps --require-hashes -r $(VENV)/torch.lock
	@if $(BIN)/python -c 'import sys; from importlib.metadata import requires; \
			sys.exit(not any(name.startswith(("nvidia", "cuda")) for name in requires("torch")))'; \
		then cp $< $(VENV)/all.lock; \
		else awk '/^(nvidia|cuda|triton)/ {off = 1} !off {print} off && !/\\$$/ {off = 0}' $< \
			> $(VENV)/all.lock; fi
	@$(PIP) --require-hashes -r $(VENV)/all.lock
	@touch $@

$(VENV)/.test: $(VENV)/.demo requirements-dev.txt requirements-onnx.txt
	@echo "Installing what the tests need ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

# Known holes in what is installed, and licences that would bind whoever uses Tandem. What could not
# be asked about is a failure too: silence is no audit.
audit: $(VENV)/.demo
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --quiet pip-audit==2.10.1 pip-licenses==5.5.5
	@$(VENV)/audit/bin/pip-licenses --python=$(BIN)/python --order=license --partial-match \
		--fail-on="GPL;AGPL;SSPL;BUSL;Commons Clause;CC-BY-NC"
	$(VENV)/audit/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict

# The hash that is added is that of the build for CPUs, which has the same version.
TORCH_CPU := sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
lock:
	@$(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet uv==0.13.9
	@$(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate requirements.txt \
		| sed '/^torch==/s|$$|\n    --hash=$(TORCH_CPU) \\|' > requirements.lock

# The tests drive Debian's Chromium; elsewhere, put any `chromium` on the PATH.
.PHONY: chromium
chromium:
	@echo "Installing Chromium from Debian's packages ..."
	@sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq chromium >/dev/null

clean:
	rm -rf $(VENV) .tandem
