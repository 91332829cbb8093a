# The full forms of what `make test` runs briefly, and the figures of
# docs/BENCHMARKS.md. Each starts the server, and MariaDB where it is named,
# by itself.
.PHONY: bench bench-exactly-once bench-kill bench-memory

FULL = -connections 1000 -senders 100 -duration 30s
PROMISES = go test ./bench -count=1 -v -timeout 30m -run

bench: bench-exactly-once bench-kill bench-memory ## Measure; see docs/BENCHMARKS.md

bench-exactly-once: ## 1,000 clients, 100 senders, 30 s, every message checked; SQLite and MariaDB
	$(PROMISES) TestPromises/ExactlyOnce -args $(FULL)
	$(PROMISES) TestPromises/ExactlyOnce -args $(FULL) -in-flight 4

bench-kill: ## The same while the server is killed ten times
	$(PROMISES) TestPromises/Kill -args $(FULL) -kills 10

bench-memory: ## RSS of 1,000 to 10,000 idle clients, both dialects
	go run ./bench/load memory --dialect plain
	go run ./bench/load memory --dialect socketio
