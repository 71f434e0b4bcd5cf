# Everything one does here, by name; `make` alone tells the names.
# A fresh machine needs git, Go, make and bash. Everything else is built from pinned sources into bin/.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

SEEDS ?= 10000
FIRST ?= 1
# How long each fuzz target runs.
FUZZTIME ?= 10s

.PHONY: help
help: ## Show this list.
	@echo "Greenroom. Two commands do everything: make run, make test."; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

.PHONY: build
build: ## Build bin/greenroom.
	@test -e bin/greenroom || echo "Building bin/greenroom; the first time this takes a minute or two."
	@go build -o bin/greenroom ./cmd/greenroom

.PHONY: run
run: build ## Serve all roles on the default ports, with example rooms. ARGS="--flag …" adds flags.
	@exec bin/greenroom dev --examples $(ARGS)

.PHONY: fleet
fleet: build ## Bring a whole fleet up on this machine, in fleet/. ARGS="--only …" adds flags.
	@go build -o bin/nats-server github.com/nats-io/nats-server/v2
	@bin/greenroom fleet up $(ARGS)

.PHONY: test
test: ## Run all tests; as root on Debian, install first what they need.
	@scripts/deps
	@scripts/test

.PHONY: test-mediaservers
test-mediaservers: ## Play a broadcast on the real SRS=/path/to/srs and MEDIAMTX=/path/to/mediamtx.
	@SRS=$(SRS) MEDIAMTX=$(MEDIAMTX) go test ./internal/e2e/broadcast -run TestTheStoryOnOtherMediaServers -count 1 -v

.PHONY: test-fleet
test-fleet: ## Break a real fleet on this machine, in the ways that CI does.
	@go test ./internal/e2e/fleet -count 1 -timeout 20m -v

.PHONY: faults
faults: ## Break it in every way, and write docs/reference/faults.md.
	@go test ./internal/e2e/fleet -run TestFaults -count 1 -timeout 0 -v -args -every -out $(CURDIR)/docs/reference/faults.md

.PHONY: sim
sim: ## Run the whole corridor under seeded weather: SEEDS=10000 FIRST=1.
	@go test ./internal/sim -run 'TestCorridor' -count 1 -timeout 0 -seeds $(SEEDS) -first $(FIRST)

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME=10s.
	@scripts/fuzz $(FUZZTIME)

.PHONY: cover
cover: ## Measure what the tests of the packages reach: bin/cover.html.
	@scripts/cover

.PHONY: lint
lint: ## gofmt, go vet and golangci-lint.
	@scripts/lint

.PHONY: check-deploy
check-deploy: ## Check the Helm chart, the compose file and the systemd units; needs no network once built.
	@scripts/check-deploy

.PHONY: generate
generate: ## Write api/gen and docs/reference anew.
	@scripts/generate .

.PHONY: check-generated
check-generated: ## Fail when what is checked in is not what generate writes.
	@scripts/check-generated

.PHONY: bench
bench: build ## Measure, and write docs/reference/benchmarks.md.
	@scripts/deps
	@bin/greenroom bench --out docs/reference/benchmarks.md --svg docs/images/overload.svg

.PHONY: demo
demo: ## Show one broadcast on the real programs: nginx-rtmp, ffmpeg, greenroom.
	@scripts/deps
	@go run ./internal/demo

.PHONY: clean
clean: ## Remove what make has built.
	@rm -rf bin api/third_party
