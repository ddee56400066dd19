# Two commands matter: `make book` and `make test`. Every line below is a command that you can type.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
BUILD := $(BIN)/jupyter-book build . -W --keep-going

.PHONY: book test test-fast fuzz lab serve format catalog ledger addresses pdf epub messages check-translation edition wheels lock bench oracle oracle-family clean

book: $(READY)
	$(BIN)/paramlab fetch
	$(if $(filter no,$(LIVE)),,$(BIN)/python tools/live.py fetch)
	$(BUILD)
	@echo "The book is in _build/html. Open _build/html/index.html in a browser, or run: make serve"

test: test-fast book tests/site/node_modules
	$(BIN)/python -m pytest -q -m slow
	$(BIN)/python -m pytest -q --nbval book tests/validation
	$(BIN)/python -m pytest -q -rs -m "not slow" tests/site

# The validator of the site's markup; without npm its test is left out, and says so.
tests/site/node_modules: tests/site/package.json
	npm install --ignore-scripts --no-audit --no-fund --no-package-lock --prefix tests/site || echo "npm cannot install html-validate: the markup of the site is not validated"

test-fast: $(READY)
	$(BIN)/paramlab fetch
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -rs -m "not slow" --ignore tests/site

# Odd and damaged files for five minutes; `make test` tries them for some seconds.
fuzz: $(READY)
	$(BIN)/python tests/fuzz.py

lab: $(READY)
	$(BIN)/jupyter lab --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate book

serve: book
	@echo "Open http://127.0.0.1:8000 (Ctrl+C stops)"
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/form.py fix

# After a change of the ledger or of a citation: run again the pages that print them.
ledger: $(READY)
	$(BIN)/python tools/form.py run book/reference/ledger.ipynb book/reference/bibliography.ipynb

# After a change of the catalog: run again the pages that print over all of it.
catalog: $(READY)
	$(BIN)/paramlab fetch
	$(BIN)/python tools/form.py run $$(grep -rl --include='*.ipynb' --exclude-dir=_build 'catalog\.published()' book tests/validation)

# After a new page, section, figure or claim: write down its address, which stays.
addresses: book
	$(BIN)/python tools/address_list.py

# The whole book on A4, through Chromium.
pdf: book
	$(BIN)/python tools/pdf.py

# The whole book as an EPUB.
epub: book
	$(BIN)/python tools/epub.py

# What runs the cells of the pages in a browser, in one archive that PARAMLAB_WHEELS can name.
wheels: $(READY)
	$(BIN)/python tools/live.py pack live-wheels.zip

# For translators: everything that a reader reads, as messages. LANGUAGE=zh puts them into locale/zh too.
messages: book
	$(BIN)/python tools/messages.py
	$(if $(LANGUAGE),$(BIN)/python tools/edition.py start $(LANGUAGE))

# A translation keeps the numbers, and the places for names, of what it translates.
check-translation: $(READY)
	$(BIN)/python tools/edition.py check $(LANGUAGE)

# The site in another language, in _build/zh/html: make edition LANGUAGE=zh
edition: check-translation book
	$(BIN)/python tools/edition.py build $(LANGUAGE)

bench: book tests/benchmarks/node_modules
	$(BIN)/python tests/benchmarks/run.py

tests/benchmarks/node_modules: tests/benchmarks/package.json
	npm install --ignore-scripts --no-audit --no-fund --no-package-lock --prefix tests/benchmarks || echo "npm cannot install Lighthouse: the pages get no scores"

# Ask other libraries again for the results that the tests compare to (downloads torch).
oracle: $(READY) .venv-oracle/ready
	.venv-oracle/bin/python tests/oracles/catalog.py
	.venv-oracle/bin/python tests/oracles/configs.py
	.venv-oracle/bin/python tests/oracles/families.py
	.venv-oracle/bin/python tests/oracles/wholes.py
	.venv-oracle/bin/python tests/oracles/windows.py
	.venv-oracle/bin/python tests/oracles/states.py
	.venv-oracle/bin/python tests/oracles/logits.py
	.venv-oracle/bin/python tests/oracles/gradients.py
	.venv-oracle/bin/python tests/oracles/flops.py
	.venv-oracle/bin/python tests/oracles/lookbacks.py
	.venv-oracle/bin/python tests/oracles/checkpoints.py
	.venv-oracle/bin/python tests/oracles/tokenizer.py "$$($(BIN)/paramlab fetch smollm2-135m)"
	.venv-oracle/bin/python tests/oracles/real_model.py "$$($(BIN)/paramlab fetch smollm2-135m)"
	.venv-oracle/bin/python tests/oracles/wordpiece.py "$$($(BIN)/paramlab fetch all-minilm-l6-v2)"
	.venv-oracle/bin/python tests/oracles/second_model.py "$$($(BIN)/paramlab fetch all-minilm-l6-v2)"

# The same for one family of config.json only: make oracle-family FAMILY=qwen3
oracle-family: .venv-oracle/ready
	.venv-oracle/bin/python tests/oracles/families.py --only $(FAMILY) 20 1
	.venv-oracle/bin/python tests/oracles/families.py --only $(FAMILY) audit
	.venv-oracle/bin/python tests/oracles/families.py --only $(FAMILY)
	.venv-oracle/bin/python tests/oracles/windows.py --only $(FAMILY)

clean:
	rm -rf _build .venv .venv-oracle

# After a change of requirements.txt or constraints.txt: versions and hashes of all that make installs.
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install -q uv==0.13.9
	.venv-lock/bin/uv pip compile -q --universal --python-version 3.11.5 --generate-hashes --no-header --no-annotate \
	    --no-emit-package paramlab -c constraints.txt requirements.txt -o requirements.lock
	rm -rf .venv-lock

$(READY): requirements.lock pkg/pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --progress-bar on --require-hashes -r requirements.lock
	$(BIN)/pip install --no-deps --no-build-isolation -e ./pkg
	@touch $@

.venv-oracle/ready: tests/oracles/requirements.txt pkg/pyproject.toml
	$(PYTHON) -m venv .venv-oracle
	.venv-oracle/bin/pip install --progress-bar on -r tests/oracles/requirements.txt
	@touch $@
