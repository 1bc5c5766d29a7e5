# make demo    watch real solar cells being described and judged, each verdict arriving over MQTT; PRODUCT=woven: a woven textile
# make test    every test that takes no more than about a minute, and the ten that took longest
# make check   style, types, direction of imports
# make quick   the inner loop, under a minute: no models, no broker
# make kit     dist/kotoba-edge-VERSION-amd64.kit: what is carried into a closed network (docs/install.md); KIT= more options
# make bench   the benchmarks          make soak   the tests that take long          make clean   take away what make made
#
# .ci/run is `make check` and `make test`: what must pass before a change lands.
#
# Each target sets up what it needs, once: .venv-demo is what a device has plus sample data (no torch); .venv is everything.
#
# `make quick` leaves out test files that import torch, transformers, llama.cpp, the starter bundle or the broker, directly or through
# other files of the repository (tests/support/needs.py reads the imports: nothing has to be marked), and tests marked `long`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo test check quick kit bench soak clean

PYTHON ?= python3
DEMO := .venv-demo
FULL := .venv
STATE := .kotoba
PRODUCT ?= solar_cell
BUNDLE := $(STATE)/starter/manifest.json
WOVEN := $(STATE)/woven/manifest.json
LLAMA := $(STATE)/wheels/built
PORTABLE := $(STATE)/portable-wheels/built
INSTALL = -m pip install -q --disable-pip-version-check -c constraints.txt --find-links $(STATE)/wheels

# llama-cpp-python has no wheel on the public registry: compiled once for both environments, for this processor, with all cores. Not from pip's
# cache, where a wheel may lie that was built without packaging/llama.cmake.
export CMAKE_ARGS := -DLLAVA_BUILD=OFF -DLLAMA_OPENSSL=OFF -DCMAKE_PROJECT_llama_cpp_INCLUDE=$(CURDIR)/packaging/llama.cmake
export CMAKE_BUILD_PARALLEL_LEVEL := $(shell nproc)
export SKBUILD_CMAKE_VERBOSE := false

define NEED_PROGRAMS
packaging/need "the broker mosquitto" "PATH=$$PATH:/usr/sbin command -v mosquitto" mosquitto
packaging/need "strace, unshare and ip, to watch the network" "command -v strace && command -v unshare && PATH=$$PATH:/usr/sbin command -v ip" strace util-linux iproute2
endef

demo: BIN := $(DEMO)/bin
demo: $(DEMO)/ready $(if $(filter woven,$(PRODUCT)),$(WOVEN),$(BUNDLE))
	$(BIN)/kotoba-edge demo --product $(PRODUCT)

test: BIN := $(FULL)/bin
test: $(FULL)/ready $(BUNDLE) $(WOVEN)
	$(NEED_PROGRAMS)
	$(BIN)/python -m pytest -m "not slow and not soak" --durations=10

check: $(FULL)/ready
	$(FULL)/bin/ruff check
	$(FULL)/bin/ruff format --check
	$(FULL)/bin/mypy
	$(FULL)/bin/lint-imports

quick: $(FULL)/ready
	$(FULL)/bin/python -m pytest --quick -m "not long and not slow and not soak" -q

kit: BIN := $(FULL)/bin
kit: $(FULL)/ready $(BUNDLE) $(PORTABLE)
	$(BIN)/python -m export.kit --wheels $(dir $(PORTABLE)) --bundle $(dir $(BUNDLE)) $(KIT)

bench: BIN := $(FULL)/bin
bench: $(FULL)/ready $(BUNDLE)
	$(BIN)/python -m benchmarks

soak: BIN := $(FULL)/bin
soak: $(FULL)/ready $(BUNDLE) $(WOVEN)
	$(NEED_PROGRAMS)
	$(BIN)/python -m pytest -m "slow or soak"

clean:
	rm -rf $(DEMO) $(FULL) $(STATE) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The bundles of the demo, signed with a key that is made on first use and stays on this machine.
$(BUNDLE): $(shell find export/starter/weights -type f)
	$(BIN)/kotoba-export build export/starter/weights/build.toml --out $(@D)
	touch $@

$(WOVEN): $(shell find export/starter/woven/weights -type f)
	$(BIN)/kotoba-export build export/starter/woven/weights/build.toml --out $(@D)
	touch $@

$(DEMO)/ready: pyproject.toml constraints.txt $(LLAMA)
	@echo "$(@D): what a device has, and sample data, 1 GB"
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(INSTALL) -e '.[demo]'
	packaging/need "a library that OpenCV's window code links to" "$(@D)/bin/python -c 'import cv2'" libgl1 libglib2.0-0 libsm6 libxext6
	touch $@

$(FULL)/ready: pyproject.toml constraints.txt $(LLAMA)
	@echo "$(@D): everything, 2 GB: some minutes"
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(INSTALL) -e '.[demo,export,dev]'
	packaging/need "a library that OpenCV's window code links to" "$(@D)/bin/python -c 'import cv2'" libgl1 libglib2.0-0 libsm6 libxext6
	touch $@

# For every x86 processor since 2013 (export/kit/target.py names the flags), not for this one: a kit goes to other machines.
$(PORTABLE): export CMAKE_ARGS += -DGGML_NATIVE=OFF -DGGML_SSE42=ON -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_BMI2=ON -DGGML_FMA=ON -DGGML_F16C=ON

$(LLAMA) $(PORTABLE): constraints.txt packaging/llama.cmake
	packaging/need "Python 3.10 to 3.13 with venv" "$(PYTHON) -c 'import ensurepip, venv'" python3 python3-venv
	packaging/need "a C++ compiler" "command -v g++ || command -v clang++" g++
	$(PYTHON) -m venv $(@D).builder
	@echo "compiling llama-cpp-python: some minutes, only once"
	$(@D).builder/bin/python -m pip wheel --disable-pip-version-check --no-cache-dir -v --no-deps -c constraints.txt -w $(@D) llama-cpp-python \
	    | { grep --line-buffered -E '^ *\[[0-9]+/[0-9]+\]|rror|^Successfully|Saved' || true; }
	rm -rf $(@D).builder
	touch $@
