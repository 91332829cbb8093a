# Databases that are no MySQL and no MariaDB. Each check is a module of its own:
# what it needs is large, and nothing of it is in the product.

.PHONY: vitess gms

vitess: ## every statement against the planner of Vitess; the first time it is compiled, which takes minutes (ARGS=-update)
	@cd deploy/vitess/check && go test -mod=mod -count=1 . $(if $(ARGS),-args $(ARGS))

gms: ## the suite of the store on go-mysql-server; the first time it is compiled, which takes minutes
	@cd repo/repotest/gms && go test -mod=mod -count=1 -timeout 15m .
