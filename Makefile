# Every target sets up .venv by itself, with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint bench docs wheel-check clean

demo: $(READY)
	$(BIN)/distaff demo

# Two workers of one thread each: small models gain nothing from more threads, tests do from more workers.
# Lines are counted (make test COVER="--cov --cov-report=term", as CI does) at the cost of nearly twice the time.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(COVER)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	@for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

# The tutorials are run, warnings are errors, and every link within build/site is followed.
docs: $(READY) .venv/.docs
	$(BIN)/python docs/build.py
	$(BIN)/python docs/check.py

# A stranger's installation: the wheel in an empty environment and an empty folder.
wheel-check: $(READY)
	$(BIN)/python studies/wheel.py

clean:
	rm -rf .venv .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt --editable . --group dev
	touch $@

.venv/.docs: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group docs
	touch $@
