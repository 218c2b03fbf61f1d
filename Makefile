# Everything that people do with Samepage. `make` alone lists it.

SWIFT ?= swift
# Seconds of `make torture`, and the seed of all that it does.
SECONDS ?= 30
SEED ?= 1
# Further arguments of `make demo`, `make price` and `make programs`, for example ARGS="--mib 512 --processes 8", ARGS="--rounds 3".
ARGS ?=

FOLDERS := Package.swift $(wildcard Modules Plugins Tools Tests Benchmarks Examples)

# Where `make install` puts things.
PREFIX ?= /usr/local

.PHONY: help setup build install test demo bench price torture programs lint format clean

help: ## List what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

demo: setup ## Merge the memory of real processes, and verify every byte at each step
	@$(SWIFT) build -c release --product samepage >&2
	@$(SWIFT) build -c release --product samepage-agent >&2
	@"$$($(SWIFT) build -c release --show-bin-path)/samepage" demo $(ARGS)

test: setup ## Build everything and run all tests
	$(SWIFT) test

build: setup ## Build for use: .build/release/samepage
	$(SWIFT) build -c release

install: build ## Install to PREFIX=/usr/local: program, agent, C header, pkg-config file, systemd unit
	PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" .ci/install "$$($(SWIFT) build -c release --show-bin-path)"

bench: setup ## Measure merging beside the kernel's KSM
	Benchmarks/run

price: setup ## Measure what merging costs real programs, beside ksmd; further arguments in ARGS
	@for product in samepage samepage-agent; do $(SWIFT) build -c release --product $$product >&2 || exit 1; done
	@Benchmarks/price --program "$$($(SWIFT) build -c release --show-bin-path)/samepage" $(ARGS)

torture: setup ## Look for lost writes in one process and across processes, each for SECONDS=30
	@for product in samepage samepage-agent samepage-torture; do $(SWIFT) build -c release --product $$product >&2 || exit 1; done
	@tool="$$($(SWIFT) build -c release --show-bin-path)/samepage-torture"; \
		"$$tool" --seconds $(SECONDS) --seed $(SEED) && "$$tool" processes --seconds $(SECONDS) --seed $(SEED)

programs: setup ## Run real programs plainly and merged, and compare what they do (as root)
	@for product in samepage samepage-agent; do $(SWIFT) build -c release --product $$product >&2 || exit 1; done
	@Tests/Programs/Real/run $(ARGS) "$$($(SWIFT) build -c release --show-bin-path)/samepage"

lint: ## Check the format of all Swift sources
	$(SWIFT) format lint --strict --recursive $(FOLDERS)

format: ## Format all Swift sources
	$(SWIFT) format --in-place --recursive $(FOLDERS)

clean: ## Remove everything that was built
	rm -rf .build .build-* Benchmarks/.build Examples/*/.build

# The one library that is needed beside Swift's own: libxxhash.
setup:
	@.ci/setup
