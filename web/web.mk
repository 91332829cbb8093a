# The browser half: the npm package, the page at /, its tests.

.PHONY: client page page-check test-web

# The package as others get it; the page and the tests load it.
client: deps
	@cd web && npm run --silent build -w @corrillo/client

page: client ## the page at / made again into web/demo/dist, which is committed
	@cd web && npm run --silent build -w corrillo-demo -- --logLevel warn

# What is committed must be what the source gives.
page-check: client
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
		(cd web && npm run --silent build -w corrillo-demo -- --outDir "$$fresh" --emptyOutDir --logLevel warn); \
		if ! diff -rq "$$fresh" web/demo/dist; then echo "web/demo/dist is not what its source gives: run make page, commit it"; exit 1; fi

# One server for all of it, compiled as for the tests in Go.
test-web: page-check ## the browser half: types, package, store and hooks, then the page in Chromium
	@cd web && npm run --silent generate -w corrillo-nextjs
	@cd web && npm run --silent typecheck --workspaces --if-present
	@cd web && npm run --silent check -w @corrillo/client
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
		export CORRILLO_BINARY="$$folder/corrillo" GOFLAGS="$$(go env GOFLAGS) -pgo=off"; \
		go build -o "$$CORRILLO_BINARY" ./cmd/corrillo; cd web; \
		npm run --silent test -w @corrillo/client; npm run --silent test -w corrillo-browser-tests
