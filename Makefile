# make test   sets up what the tests need and runs all of them      make demo   trains, packs, proves and races a net
#
# Needs Python 3.11 (with venv and headers), g++ 12 and make; on Debian 12: apt-get install python3-venv python3-dev g++ make
# Everything else, CMake included, comes from the Python package index into .venv, held by constraints.txt.
PYTHON ?= python3
VENV ?= .venv
DEMO_ARGS ?=
BENCH_ARGS ?= --goals
STEPS := lint types test-cpp test-asan test-baseline test-neon test-simde test-avx512 test-py test-wheel docs

BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)
export PIP_CONSTRAINT := $(abspath constraints.txt)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
SETUP_FILES := pyproject.toml constraints.txt
# The Python side is installed as a path to src/, the engine is built by CMake and placed there: no install is ever stale.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --config-settings editable.mode=inplace --config-settings wheel.cmake=false
PY_FOLDERS = $(wildcard src tests tools docs)
CPP_FILES = $(shell find engine -name '*.h' -o -name '*.cc')

.DEFAULT_GOAL := help
.PHONY: help setup engine demo bench-peers parity test format clean check-spills $(STEPS)

help: ## print this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 14

test: setup ## everything CI runs, with a closing summary
	@$(BIN)/python tools/run_steps.py $(STEPS)

demo: $(VENV)/.ready-train engine ## train, pack, prove, race on embedded data (DEMO_ARGS="--json FILE")
	@$(BIN)/xnorkit demo $(DEMO_ARGS)

bench-peers: $(VENV)/.ready-peers engine ## install every system the registries have, race them (BENCH_ARGS="--goals --json FILE")
	@$(BIN)/xnorkit bench peers $(BENCH_ARGS)

parity: $(VENV)/.ready-dev engine ## every net under every scheme: made-up numbers, packed, verified (PARITY_ARGS="--full --models resnet18")
	@$(BIN)/python tools/parity.py $(PARITY_ARGS)
	@XNORKIT_RANDOM_NETS=200 $(BIN)/python -m pytest -q tests/export/test_random_nets.py

setup: $(VENV)/.ready-dev engine ## the virtual environment and the engine, for developers

$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "hint: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sysconfig, os, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
	  || { echo "Python.h not found; hint: apt-get install python3-dev" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-train: $(SETUP_FILES) | $(BIN)/python
	$(PIP_INSTALL) --editable '.[train,build]'
	@touch $@

$(VENV)/.ready-dev: $(SETUP_FILES) | $(BIN)/python
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.ready-train

$(VENV)/.ready-peers: $(SETUP_FILES) | $(BIN)/python
	$(PIP_INSTALL) --editable '.[train,build,peers]'
	$(PIP_INSTALL) --no-deps bnn-lab # its metadata asks for an older torch than it needs
	@touch $@ $(VENV)/.ready-train

$(VENV)/.ready-docs: $(SETUP_FILES) | $(BIN)/python
	$(PIP_INSTALL) --editable '.[train,build,docs]'
	@touch $@ $(VENV)/.ready-train

engine: | $(VENV)/.ready-train ## compile the engine and place its Python module in src/
	@cmake -S . -B build/dev -G Ninja --log-level=WARNING -DXNORKIT_PYTHON=ON -DXNORKIT_TESTS=ON -DPython_EXECUTABLE=$(BIN)/python
	@cmake --build build/dev --target _engine
	@cmake --install build/dev --prefix src

lint: ## ruff, clang-format, import contracts
	ruff check $(PY_FOLDERS)
	ruff format --check $(PY_FOLDERS)
	@echo clang-format --dry-run -Werror; clang-format --dry-run -Werror $(CPP_FILES)
	lint-imports

types: ## mypy, strict below the torch line and for the command line
	mypy

test-cpp: ## the engine's own tests
	cmake --build build/dev
	ctest --test-dir build/dev --output-on-failure
	python tools/check_spills.py build/dev

check-spills: ## print the matrix kernels' inner loops; fail where vector registers spill
	python tools/check_spills.py build/dev

test-asan: ## the engine's own tests under AddressSanitizer and UndefinedBehaviorSanitizer
	cmake -S . -B build/asan -G Ninja --log-level=WARNING -DXNORKIT_TESTS=ON -DXNORKIT_SANITIZE=address,undefined
	cmake --build build/asan
	ctest --test-dir build/asan --output-on-failure

# Other instruction sets, without their hardware. Each target says what it needs; a missing tool is a failure.
need = @for tool in $(1); do command -v $$tool >/dev/null || { echo "$$tool not found; hint: apt-get install $(2)" >&2; exit 1; }; done

test-baseline: ## dispatch on lesser x86 CPUs: each finds its level, kernels of the baseline equal (qemu-user)
	$(call need,qemu-x86_64-static,qemu-user-static)
	cmake --build build/dev
	qemu-x86_64-static -cpu Haswell build/dev/base_test avx2
	qemu-x86_64-static -cpu Nehalem build/dev/base_test popcnt
	qemu-x86_64-static -cpu Nehalem build/dev/conformance_test 1000
	qemu-x86_64-static -cpu qemu64 build/dev/base_test scalar
	for test in conformance bdense fconv qconv pointwise program; do qemu-x86_64-static -cpu qemu64 build/dev/$${test}_test || exit 1; done

test-neon: ## the engine's own tests compiled for 64-bit ARM, NEON kernels included, under qemu-user
	$(call need,aarch64-linux-gnu-g++ qemu-aarch64-static,g++-aarch64-linux-gnu qemu-user-static)
	cmake -S . -B build/aarch64 -G Ninja --log-level=WARNING -DXNORKIT_TESTS=ON -DCMAKE_TOOLCHAIN_FILE=tools/cmake/aarch64.cmake
	cmake --build build/aarch64
	ctest --test-dir build/aarch64 --output-on-failure

SIMDE := build/simde-headers
$(SIMDE)/cmeel.prefix/include/simde: constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(SIMDE) cmeel-simde
	@touch $@

test-simde: $(SIMDE)/cmeel.prefix/include/simde ## AVX-512 and NEON kernels through SIMDe, under AddressSanitizer and UndefinedBehaviorSanitizer
	cmake -S . -B build/simde -G Ninja --log-level=WARNING -DXNORKIT_TESTS=ON -DXNORKIT_SANITIZE=address,undefined \
	  -DXNORKIT_SIMDE=$(abspath $(SIMDE))/cmeel.prefix/include
	cmake --build build/simde
	build/simde/conformance_test

test-avx512: ## AVX-512 kernels as compiled, executed by the Bochs emulator
	python tools/run_bochs.py

test-py: ## pytest: unit, conformance, contract and doc tests
	OMP_NUM_THREADS=1 python -m pytest -n 2 --dist worksteal

test-wheel: ## build the wheel, install it where no torch is, run the shipped model
	python tools/check_wheel.py

docs: $(VENV)/.ready-docs engine ## the site in docs/_build/html; its chapters run, warnings are errors
	OMP_NUM_THREADS=1 python -m sphinx -W --keep-going -j 2 --quiet -d docs/_build/doctrees docs docs/_build/html
	@echo docs/_build/html/index.html

format: ## rewrite sources in the house format
	ruff check --fix $(PY_FOLDERS)
	ruff format $(PY_FOLDERS)
	clang-format -i $(CPP_FILES)

clean: ## remove what was built, keep the virtual environment
	rm -rf build dist docs/_build src/xnorkit/runtime/_engine*.so .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
