# `make proto` makes Go of what nodes say to each other. What it makes is
# committed: nobody needs protoc but who changes a .proto file.

PROTOS := \
	wire/peers/internal/linkpb/links.proto

.PHONY: proto

proto: ## Go code from .proto files, after a change of one (protoc: apt-get install protobuf-compiler)
	@bin=$$(mktemp -d); trap 'rm -rf "$$bin"' EXIT; \
		for tool in protoc-gen-go protoc-gen-go-grpc; do \
			cp "$$(go tool -modfile=tools.mod -n $$tool)" "$$bin/$$tool"; \
		done; \
		PATH="$$bin:$$PATH" protoc -I . --go_out=. --go_opt=paths=source_relative \
			--go-grpc_out=. --go-grpc_opt=paths=source_relative $(PROTOS)
