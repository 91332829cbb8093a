# A cluster in one thread, with faults: actors/simulation.
.PHONY: simulate

STEPS ?= 5000000

simulate: ## clusters with faults by a virtual clock, STEPS events (5000000); they say how many a second (FIRST=1000, SEED=7 shows one)
	@GOFLAGS="$$(go env GOFLAGS) -pgo=off" go test -count=1 -timeout 60m -v -run 'TestCluster$$' ./actors/simulation \
		-args -steps $(STEPS) $(if $(FIRST),-first $(FIRST)) $(if $(SEED),-seed $(SEED))
