# Measuring: Corrillo beside others, and beside itself. Each target starts the
# servers, and MariaDB, by itself; see docs/BENCHMARKS.md.
.PHONY: faults storms bench bench-short bench-report bench-compare bench-cluster bench-older bench-exactly-once bench-kill capacity pgo

FULL = -connections 1000 -senders 100 -duration 30s
PROMISES = go test ./bench -count=1 -v -timeout 30m -run

# What was measured is shown also when a server broke a rule.
bench: deps ## all servers at all works, in turns, into docs/BENCHMARKS.md: hours; goes on where it was (ARGS="--works rooms-1 --plan")
	@failed=0; go run ./bench/run $(ARGS) || failed=$$?; go run ./bench/report; exit $$failed

bench-short: deps ## the same, briefly: that everything works, no figures
	@results=$$(mktemp -d); trap 'rm -rf "$$results"' EXIT; go run ./bench/run --short --json "$$results/results.json" $(ARGS)

bench-cluster: deps ## what a cluster costs: one server, 1, 2 and 3 nodes in turns, a hop, a join; into docs/BENCHMARKS.md, ten minutes (ARGS="--redo --works rooms-1 --runs 5")
	@failed=0; go run ./bench/run --cluster $(ARGS) || failed=$$?; go run ./bench/report; exit $$failed

bench-older: deps ## the server of BASE beside this tree's, at the works of bench-cluster, in turns; prints tables (BASE=HEAD~1 ARGS="--works rooms-1")
	@tmp=$$(mktemp -d); trap 'git worktree remove --force "$$tmp/base" 2>/dev/null || true; rm -rf "$$tmp"' EXIT; \
	git worktree add --quiet --detach "$$tmp/base" '$(or $(BASE),$(error name a revision: BASE=HEAD~1))'; \
	(cd "$$tmp/base" && go build -o "$$tmp/corrillo" ./cmd/corrillo) || exit; \
	failed=0; go run ./bench/run --cluster --older "$$tmp/corrillo" --servers older,alone --json "$$tmp/results.json" $(ARGS) || failed=$$?; \
	go run ./bench/report --print --cluster "$$tmp/results.json"; exit $$failed

bench-report: ## the tables and charts of docs/BENCHMARKS.md again, from docs/bench/results.json
	@go run ./bench/report

bench-compare: ## Go benchmarks of the hot paths at BASE and here, in turns (BASE=HEAD~1 PKG=./wire BENCH=Name)
	@BENCH='$(BENCH)' bench/compare.sh '$(or $(BASE),$(error name a revision: BASE=HEAD~1))' $(filter-out ./...,$(PKG))

bench-exactly-once: ## 1,000 clients, 100 senders, 30 s, every message checked; SQLite and MariaDB
	$(PROMISES) TestPromises/ExactlyOnce -args $(FULL)
	$(PROMISES) TestPromises/ExactlyOnce -args $(FULL) -in-flight 4

bench-kill: ## the same while the server is killed ten times
	$(PROMISES) TestPromises/Kill -args $(FULL) -kills 10

faults: deps ## the promise attacked: kill -9 and SIGSTOP of server and database, each and mixed, every message checked (ARGS="-store mariadb -reader portable -nemesis kill-both -seed 7 -rounds 100 -json FILE")
	go test ./bench/faults -count=1 -timeout 120m -v -args -rounds 20 $(ARGS)

# Client and server have a descriptor for each connection.
storms: deps ## all at once: 10,000 clients when the server is killed, and when it is told to go; one room, one user, a hundredth that stops reading (ARGS="-storm kill -store mariadb -json FILE")
	go test ./bench/storms -count=1 -timeout 60m -v -args -full $(ARGS)

# More descriptors than the largest number of connections, for server and client each.
capacity: ## what a connection and a delivery cost on this machine, as docs/how-to/capacity.md reckons with: ten minutes
	@binary=$$(mktemp -d)/corrillo; trap 'rm -rf "$$(dirname "$$binary")"' EXIT; go build -o "$$binary" ./cmd/corrillo; \
	for reader in epoll portable; do echo "== $$reader"; \
		go run ./bench/load memory --binary "$$binary" --at 2000,5000,10000,15000 --rest 60s --args=--reader=$$reader $(ARGS); done; \
	for size in 2 10 100; do echo "== rooms of $$size"; \
		go run ./bench/load rooms --binary "$$binary" --room-size $$size --duration 10s --rest=-1s $(ARGS); done; \
	echo "== one room of 1000"; go run ./bench/load fanout --binary "$$binary" --duration 10s --rest=-1s $(ARGS)

# Of a server compiled without a profile, so that one does not feed on the last.
pgo: deps ## the profile that releases are compiled by, cmd/corrillo/default.pgo, again: two minutes of load
	@GOFLAGS="$$(go env GOFLAGS) -pgo=off" go run ./bench/pgo $(ARGS)
