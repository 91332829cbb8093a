package main

import (
	"testing"

	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/wire/peers"
)

// What becomes of the largest event that the settings allow has room on a link,
// with names and ids beside it.
func TestClusterPayload(t *testing.T) {
	const besides = 64 << 10
	if most := 5*int(config.ClusterPayload) + besides; most > peers.MaxItem {
		t.Errorf("%d bytes, and a link takes %d", most, peers.MaxItem)
	}
}
