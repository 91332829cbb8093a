#!/bin/bash
# Go benchmarks at another revision and in this tree, in turns, so that what
# else the machine does hits both; benchstat says what differs.
#
#   bench/compare.sh <revision> [package...]
#
# COUNT rounds (6), BENCH which benchmarks (all), BENCHTIME of each (0.5s).
set -euo pipefail
cd "$(dirname "$0")/.."

# A pinned version: Go holds it against its checksum database.
BENCHSTAT=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

base=${1:?usage: bench/compare.sh <revision> [package...]}
shift
[ $# -gt 0 ] || set -- ./actors/rules ./wire/... ./repo/sqlite ./repo/mysql
# Those with a benchmark, below the tree's top.
mapfile -t packages < <(go list -f '{{.Dir}}' "$@" | while read -r dir; do
	if grep -qs '^func Benchmark' "$dir"/*_test.go; then echo "${dir#"$PWD"/}"; fi
done)
[ ${#packages[@]} -gt 0 ] || { echo "no benchmarks in $*" >&2; exit 1; }

tmp=$(mktemp -d)
trap 'git worktree remove --force "$tmp/base" 2>/dev/null || true; rm -rf "$tmp"' EXIT
git worktree add --quiet --detach "$tmp/base" "$base"

# build <tree> <side>: a test binary for each package, so that rounds only run.
build() {
	local package
	for package in "${packages[@]}"; do
		if [ -d "$1/$package" ]; then (cd "$1" && go test -c -o "$tmp/$2-${package//\//-}" "./$package"); fi
	done
}

# run <tree> <side>: every benchmark once.
run() {
	local package binary
	for package in "${packages[@]}"; do
		binary=$tmp/$2-${package//\//-}
		[ -x "$binary" ] || continue
		(cd "$1/$package" && "$binary" -test.run '^$' -test.bench "${BENCH:-.}" -test.benchmem -test.benchtime "${BENCHTIME:-0.5s}" -test.count 1) >>"$tmp/$2.txt"
	done
}

echo "building both" >&2
build "$tmp/base" base
build . here
for round in $(seq "${COUNT:-6}"); do
	echo "round $round of ${COUNT:-6}" >&2
	run "$tmp/base" base
	run . here
done
go run "$BENCHSTAT" "$base=$tmp/base.txt" "this tree=$tmp/here.txt"
