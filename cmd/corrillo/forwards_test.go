package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/corrillo/corrillo/actors/placement"
)

// Nodes come under a new id at each start: of those that have gone nothing is
// kept, however many they were.
func TestNode_KeepsNoWayToWhoHasGone(t *testing.T) {
	var n node
	for i := range uint64(100) {
		id := fmt.Sprint("n", i)
		n.forwards.Store(id, http.NotFoundHandler())
		v := placement.NewView(i+1, []placement.Node{{ID: id}, {ID: "stays"}})
		n.keepForwards(&v)
		kept := []any{}
		n.forwards.Range(func(id, _ any) bool { kept = append(kept, id); return true })
		if len(kept) != 1 || kept[0] != id {
			t.Fatalf("kept %v of the nodes %s and stays", kept, id)
		}
	}
}
