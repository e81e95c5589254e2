# Shortcuts; the build itself is CMake's (CMakePresets.json). `make` alone lists them.
JOBS ?= $(shell nproc)
PORT ?= 8080
CYCLES ?= 100
TRANSACTIONS ?= 100000
SECONDS ?= 20

.DEFAULT_GOAL := help
.PHONY: help deps build run demo test check format crash history fuzz bench clean

help: ## this list
	@echo 'KalamDB: make run, then follow what it prints.'
	@echo
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

deps: ## install what is missing (apt needs root; DuckDB goes into a cache)
	@tools/deps

build: deps ## release binaries: build/bin/kalamdb-server and build/bin/kalam
	@cmake --preset release >/dev/null
	@cmake --build build/release -j $(JOBS)
	@cmake --install build/release --prefix build >/dev/null

run: build ## start a server on 127.0.0.1:8080 (PORT=n) with its data in ./data
	@tools/run $(PORT)

demo: build ## the main job on real text, against a server of its own
	@demo/run.sh

test: deps check ## build with ASan and UBSan and run every test
	@cmake --preset debug >/dev/null
	@cmake --build build/debug -j $(JOBS)
	@ctest --test-dir build/debug --output-on-failure -j $(JOBS)

check: ## layers, format, comments, requirements, dashboard
	@tools/check-layers
	@tools/check-format
	@tools/check-comments
	@tools/check-requirements
	@tools/check-dashboard

format: ## write all C files as .clang-format says
	@tools/format

crash: deps ## kill and restart the server CYCLES=n times and compare
	@cmake --preset debug >/dev/null
	@cmake --build build/debug -j $(JOBS)
	@tools/crash $(CYCLES)

history: deps ## check TRANSACTIONS=n transactions with kills for snapshot isolation
	@cmake --preset clang >/dev/null
	@cmake --build build/clang -j $(JOBS)
	@KALAM_SERVER=$(CURDIR)/build/clang/bin/kalamdb-server KALAM_HISTORY_TRANSACTIONS=$(TRANSACTIONS) node tests/history/history_test.mjs

fuzz: deps ## run every fuzz target for SECONDS=n
	@tools/fuzz $(SECONDS) $(JOBS)

bench: build ## measure, and print a table
	@bench/run.sh

clean: ## remove ./build (not ./data, not the cache of DuckDB)
	@rm -rf build
