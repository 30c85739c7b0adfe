# Every target builds the virtual environment it needs. Start with `make demo` or `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?=
TARGET ?=
PEERS := .venv-peers
SCALE := .venv-scale
ORCHESTRATORS := .venv-orchestrators
BENCH_ARGS ?=
SOAK_ARGS ?=
FUZZ_ARGS ?=
# The server's image, and the image it stands on; empty: the one that server/Containerfile names.
IMAGE ?= localhost/augment-server:latest
BASE ?=

# torch's waiting threads sleep rather than spin, or two busy processes slow each other tenfold.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help install demo test coverage test-slow check format protos wheel sizes bench-fidelity bench-conditions bench-imputation bench-training bench-memory bench-utility bench-family bench-arrays bench-private image image-base image-test bench-reloads bench-overload bench-serving bench-workers bench-scale soak fuzz clean test-scale test-orchestrators

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 14

# The package with all its extras.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade -c constraints.txt pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[all]'
	@touch $@

# What developers need besides.
$(VENV)/.developed: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt --group dev
	@touch $@

# The generator of the stubs, apart because it wants an older protobuf.
$(VENV)/.generates: $(VENV)/.installed
	$(PYTHON) -m venv $(VENV)/protos
	$(VENV)/protos/bin/python -m pip install --quiet --disable-pip-version-check --upgrade -c constraints.txt pip
	$(VENV)/protos/bin/python -m pip install --quiet --group protos
	@touch $@

install: $(VENV)/.installed ## Install the package with all extras into .venv

demo: $(VENV)/.installed ## Train, export, serve and call on real data; DATA=file.csv TARGET=column for your own
	$(BIN)/python -m augment.demo $(if $(DATA),--data "$(DATA)") $(if $(TARGET),--target "$(TARGET)")

test: $(VENV)/.developed $(VENV)/.generates ## Run the test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder -m "not slow" $(PYTEST_ARGS)

coverage: ## Run the test suite with branch coverage, which takes a quarter longer
	@rm -f .coverage .coverage.*
	$(MAKE) test PYTEST_ARGS="--cov --cov-report=term:skip-covered $(PYTEST_ARGS)"

test-slow: $(VENV)/.developed ## Run the tests that take minutes
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# Ray and Spark, apart because of their size, on top of the packages of the other environment.
$(SCALE)/.installed: $(VENV)/.developed
	$(PYTHON) -m venv $(SCALE)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$($(SCALE)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/develop.pth"
	$(SCALE)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray,spark]'
	@touch $@

test-scale: $(SCALE)/.installed ## Run the tests of Ray and Spark, those that take minutes included
	OMP_NUM_THREADS=1 $(SCALE)/bin/python -m pytest tests/scale $(PYTEST_ARGS)

# Prefect has an environment of its own: it brings dozens of packages. The rest is that of the tests.
$(ORCHESTRATORS)/.installed: $(VENV)/.developed
	$(PYTHON) -m venv $(ORCHESTRATORS)
	$(BIN)/python -c 'import site; print(f"import site; site.addsitedir({site.getsitepackages()[0]!r})")' \
	  > "$$($(ORCHESTRATORS)/bin/python -c 'import site; print(site.getsitepackages()[0])')/tests.pth"
	$(ORCHESTRATORS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group orchestrators
	@touch $@

test-orchestrators: $(ORCHESTRATORS)/.installed ## Run the pipelines of examples/orchestrators with Prefect itself
	$(ORCHESTRATORS)/bin/python -m pytest tests/examples/test_examples_orchestrators.py $(PYTEST_ARGS)

check: $(VENV)/.developed $(VENV)/.generates ## Format, lint, types, import contracts, stubs up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(VENV)/protos/bin/python protos/generate.py --check

format: $(VENV)/.developed ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

protos: $(VENV)/.generates ## Generate the gRPC stubs anew
	$(VENV)/protos/bin/python protos/generate.py

wheel: $(VENV)/.developed ## Build the wheel and list what is in it
	$(BIN)/python -m build --wheel --outdir dist .
	$(BIN)/python -m zipfile -l dist/*.whl

sizes: $(VENV)/.installed ## Print the sizes of a client-only and a server-only install
	$(BIN)/python benchmarks/install_sizes.py

# The benchmark's peers. mostlyai-engine asks for torchvision, which does not load beside a CPU build of torch
# and which its tabular models do not use.
$(PEERS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade -c constraints.txt pip
	$(PEERS)/bin/python -m pip install --quiet --group peers
	$(PEERS)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio
	@touch $@

bench-fidelity: $(VENV)/.installed $(PEERS)/.installed ## Compare with peers on real data; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m fidelity $(BENCH_ARGS)

bench-conditions: $(VENV)/.installed ## Does the rest of a record follow its conditions? On Adult
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python benchmarks/conditions.py $(BENCH_ARGS)

bench-imputation: $(VENV)/.installed ## Compare filling gaps with others on real data; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m imputation $(BENCH_ARGS)

bench-arrays: $(VENV)/.installed ## Generate and restore images and series on real data; BENCH_ARGS="--help" says how
	$(BIN)/python -m pip install --quiet -c constraints.txt --group bench
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m arrays $(BENCH_ARGS)

bench-utility: $(VENV)/.installed $(PEERS)/.installed ## What augmenting few and imbalanced rows does for classifiers; BENCH_ARGS=--quick
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m utility $(BENCH_ARGS)

bench-family: $(VENV)/.installed ## The autoencoders beside PCA, raw features and isolation forests; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m family $(BENCH_ARGS)

bench-training: $(VENV)/.installed $(PEERS)/.installed ## Rows a second of training beside TVAE; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m training $(BENCH_ARGS)

bench-memory: $(VENV)/.installed ## Peak memory of training from Parquet on disk, by rows; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m training.beyond_memory $(BENCH_ARGS)

bench-private: $(VENV)/.installed ## Fidelity of private training against epsilon, on Adult; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python benchmarks/private.py $(BENCH_ARGS)

bench-overload: $(VENV)/.installed ## Ten times the load, stalled and cancelled clients, beside their targets; BENCH_ARGS="--models DIR --model NAME"
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m serving.overload $(BENCH_ARGS)
	$(if $(BENCH_ARGS),,PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m serving.overload --small)
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m serving.stalled $(BENCH_ARGS)
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m serving.cancelled $(BENCH_ARGS)

bench-serving: $(VENV)/.installed ## How fast the service is, beside its targets, with a plot; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m serving.speed $(BENCH_ARGS)

bench-workers: $(VENV)/.installed ## Several server processes on one port beside one; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m serving.workers $(BENCH_ARGS)

bench-scale: $(SCALE)/.installed ## Steps on all engines, one worker beside two, memory by rows; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(SCALE)/bin/python -m scale $(BENCH_ARGS)

soak: $(VENV)/.installed ## 10 minutes among clients that crash, dawdle, cancel and lie; SOAK_ARGS="--quick", "--seconds 3600"
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m serving.soak $(SOAK_ARGS)

image: ## Build the server's container image with docker or buildah; BASE=image to stand on another
	PYTHONPATH=server $(PYTHON) -m container image --name "$(IMAGE)" $(if $(BASE),--base "$(BASE)")

image-base: ## Make a base image of Debian's packages, for BASE=localhost/debian-python; needs root, debootstrap
	PYTHONPATH=server $(PYTHON) -m container base --name localhost/debian-python

image-test: $(VENV)/.developed image ## Run that image read-only as a non-root user, and call it
	AUGMENT_IMAGE="$(IMAGE)" $(BIN)/python -m pytest tests/image $(PYTEST_ARGS)

bench-reloads: $(VENV)/.installed ## 1,000 reloads under load, then SIGTERM under load; BENCH_ARGS="--help" says how
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m serving.reloads $(BENCH_ARGS)
	PYTHONPATH="benchmarks$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m serving.stopping

fuzz: $(VENV)/.developed ## Try to break the server with mutated inputs, a few minutes; FUZZ_ARGS="--seconds 3600" or "--help"
	-@$(BIN)/python -m pip install --quiet -c constraints.txt --group fuzz
	PYTHONPATH="benchmarks:.$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m fuzzing $(FUZZ_ARGS)

clean: ## Remove the virtual environment and everything made
	rm -rf $(VENV) $(PEERS) $(SCALE) benchmarks/.cache build dist demo-output .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis $(ORCHESTRATORS)
