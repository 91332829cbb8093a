# A cluster in one thread, with faults: actors/simulation.
.PHONY: simulate scale

STEPS ?= 5000000
NODES ?= 3,10,30,100
IDS ?= 1000000

simulate: ## clusters with faults by a virtual clock, STEPS events (5000000); they say how many a second (FIRST=1000, SEED=7 shows one)
	@GOFLAGS="$$(go env GOFLAGS) -pgo=off" go test -count=1 -timeout 60m -v -run 'TestCluster$$' ./actors/simulation \
		-args -steps $(STEPS) $(if $(FIRST),-first $(FIRST)) $(if $(SEED),-seed $(SEED))

scale: ## what clusters of NODES (3,10,30,100) cost by formula, simulation and benchmark; IDS (1000000) are placed
	@GOFLAGS="$$(go env GOFLAGS) -pgo=off" go test -count=1 -timeout 60m -v -run 'TestScale$$' -bench 'Router_' ./actors/simulation \
		-args -nodes $(NODES) -ids $(IDS) $(if $(SEED),-scale-seed $(SEED))
