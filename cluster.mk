# Several nodes on this machine.
.PHONY: cluster

# Ctrl-C is how it ends, as with `make run`; and with make, however that ends.
cluster: ## three nodes behind HAProxy on a MariaDB of their own, http://localhost:3001 (ARGS="--nodes 5 --port 4000")
	@.ci/deps cluster
	@stopped=; trap 'stopped=0' INT; go run ./bench/cluster/up --with $$PPID $(ARGS) || exit $${stopped:-$$?}
