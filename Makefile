# Everything one does in this repository. "make" lists it.

GO        ?= go
FUZZTIME  ?= 30s
# Git refuses a clone that belongs to another user, and go then refuses to build.
VCS := $(shell git rev-parse -q --verify HEAD >/dev/null 2>&1 && echo auto || echo false)
export GOFLAGS := -buildvcs=$(VCS) $(GOFLAGS)

GOLANGCI_VERSION := v2.15.0
GOFUMPT_VERSION  := v0.12.0
TOOLS    := build/tools
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
GOFUMPT  := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)/gofumpt

# These have to do without a C compiler and without libvirt.
PURE := ./hcl/... ./lab ./snapshots $(patsubst %,./%...,$(filter-out lab/agent/ lab/testdata/,$(wildcard lab/*/)))

.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

##@ Using it
.PHONY: help setup build demo

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s:\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Prepare this Debian host: packages, QEMU's user, /dev/kvm
	@.ci/setup

# The same, silent when there is nothing to do.
.PHONY: host
host:
	@.ci/setup --quiet

build: host ## Build bin/patchlab
	$(GO) build -o bin/patchlab ./cmd/patchlab

demo: build ## Test a good, a broken and a real update on a lab of three machines
	@PATCHLAB=bin/patchlab examples/dental/demo.sh

##@ Working on it
.PHONY: test check e2e bench fuzz clean unit lint pure docs

test: unit e2e ## Run all tests: unit, then end to end on real machines

unit: host ## Run the unit tests
	$(GO) test -race -shuffle=on ./...
	@# With the race detector only some of the kills are made: here are all.
	$(GO) test -run '^TestKill$$' ./snapshots

e2e: build ## Run the end-to-end tests on real machines
	$(GO) test -tags e2e -count=1 -timeout 30m -v ./snapshots/virt ./lab/site ./examples
	$(GO) test -tags e2e -count=1 -timeout 80m -parallel 5 -v -run '^TestE2E' ./cmd/patchlab

check: build lint unit pure ## Build, format, lint, unit tests: all that CI wants of a change

lint: host $(GOFUMPT) $(GOLANGCI) ## Check format, style and the walls between packages
	@files=$$($(GOFUMPT) -l cmd examples hcl lab snapshots); \
	if [ -n "$$files" ]; then echo "not formatted: $(GOFUMPT) -w" $$files; exit 1; fi
	$(GOLANGCI) run
	$(GOLANGCI) run --build-tags e2e,bench ./cmd/... ./snapshots/... ./lab/site/... ./examples/...

pure: ## Build and vet without cgo what has to do without
	CGO_ENABLED=0 $(GO) build $(PURE)
	CGO_ENABLED=0 $(GO) vet $(PURE)

bench: build ## Run the benchmarks; their numbers go to build/bench.json
	PATCHLAB_BENCH_JSON=$(CURDIR)/build/bench.json $(GO) test -tags bench -count=1 -timeout 180m -v -run '^TestBench' ./cmd/patchlab

docs: build ## Write the manual: docs/commands (Markdown) and build/man (man pages)
	rm -rf docs/commands build/man
	bin/patchlab docs docs/commands
	bin/patchlab docs build/man --format man

fuzz: host ## Run each fuzz target for FUZZTIME (30s)
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
		list=$$($(GO) test -list '^Fuzz' $$dir); \
		for target in $$(echo "$$list" | grep '^Fuzz'); do \
			echo "$$dir $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir; \
		done; \
	done

clean: ## Remove what make made here (your own labs, images and runs stay)
	rm -rf bin build /var/tmp/patchlab-e2e-$$(id -u)

$(GOLANGCI):
	GOBIN=$(CURDIR)/$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(GOFUMPT):
	GOBIN=$(CURDIR)/$(@D) $(GO) install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
