# Corrillo. `make run` needs Go and nothing else; `make test` fetches the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ARGS ?=
PKG ?= ./...
FUZZTIME ?= 30s
BENCH ?= .

.PHONY: help run test test-go lint vulncheck fuzz bench bench-go deps check

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Ctrl-C is how it ends: `go run` calls that a failure, whatever the server says.
run: ## the server for a developer, on http://localhost:3001 (ARGS="--port 4000")
	@stopped=; trap 'stopped=0' INT; go run ./cmd/corrillo serve --dev $(ARGS) || exit $${stopped:-$$?}

test: deps check test-go $(if $(filter ./...,$(PKG)),test-web) ## everything: the server, the browser half (PKG=./wire/... for a part of the server)

# Never from the cache: some tests build the server, which the cache does not
# see. Without cmd/corrillo/default.pgo: by it, all packages are compiled anew.
# Without vet: check has done more of it. The race detector would wait for a
# second at the end of each process, which is not needed to tell of a race.
# Half of the time of what takes long is waiting for processes and disks: it
# begins first, and there are more packages at once than cores.
test-go: first := $(if $(filter ./...,$(PKG)),./cmd/corrillo/... ./repo/mysql ./bench/faults ./bench)
test-go: at-once = $$((($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2))
test-go:
	@GOFLAGS="$$(go env GOFLAGS) -pgo=off" GORACE="atexit_sleep_ms=0 $${GORACE-}" \
		go test -race -vet=off -count=1 -timeout 18m -p "$(at-once)" $(first) $(PKG)

lint: ## golangci-lint and eslint; the first time it is built, which takes minutes
	@go tool -modfile=tools.mod golangci-lint run $(PKG)
	@cd web && npx eslint .

vulncheck: ## known vulnerabilities in what is called of Go and of modules (asks vuln.go.dev)
	@go run golang.org/x/vuln/cmd/govulncheck@latest $(PKG)

fuzz: ## every fuzz target, FUZZTIME each (30s)
	@while read -r file target; do \
		echo "== $$target in $$(dirname "$$file")"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
	done < <(grep -rn --include='*_test.go' --exclude-dir=node_modules -oE '^func Fuzz[A-Za-z0-9_]+' . \
		| sed -E 's/^([^:]+):[0-9]+:func (Fuzz.*)$$/\1 \2/' | sort)

bench-go: ## Go benchmarks (BENCH=Name PKG=./wire)
	@go test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

# `make bench` measures the server as a whole.
-include bench/bench.mk
-include bench/k6/k6.mk

# `make proto` makes Go of .proto files.
-include proto.mk

# The browser half: `make page`, `make test-web`.
include web/web.mk

# `make cluster` runs several nodes.
include cluster.mk

# `make simulate` plays clusters, with faults.
include simulate.mk

# `make vitess`, `make gms`: databases that are no MySQL and no MariaDB.
include engines.mk

# `make nextjs` runs the example app.
-include web/nextjs/nextjs.mk

deps: ## what tests need besides Go: MariaDB, HAProxy, Chromium, Node and npm packages
	@.ci/deps

check:
	@files=$$(find . -name '*.go' -not -path '*/node_modules/*' -print0 | xargs -0 gofmt -l); \
		if [ -n "$$files" ]; then echo "gofmt these files:"; echo "$$files"; exit 1; fi
	@go vet $(PKG)
