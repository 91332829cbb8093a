# k6 is a Go tool with a module file of its own. It is compiled the first time,
# which takes minutes, and then comes from Go's cache.
.PHONY: k6 k6-check test-k6-lib

K6 ?= go tool -modfile=bench/k6/k6.mod k6
SCRIPT ?= chat

k6: ## a k6 script against a running server (SCRIPT=fanout ARGS="-e URL=http://host:3001 -e RATE=50"); see docs/how-to/load-test.md
	@$(K6) run $(ARGS) bench/k6/$(SCRIPT:.js=).js

k6-check: ## every k6 script briefly against a built server, and through a proxy that loses and doubles messages
	@go test ./bench/k6 -count=1 -v -timeout 20m -args -k6 "$(K6)"

test-k6-lib: ## the modules that the scripts are made of, in Node
	@cd bench/k6 && node --test lib/*.test.js
