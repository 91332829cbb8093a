package repotest

import (
	"slices"
	"testing"

	"github.com/corrillo/corrillo/repo"
)

// Open gives a migrated store on a database of its own, closed by t.Cleanup.
type Open func(t *testing.T) repo.Store

// perGroup reports whether a store commits each group by itself.
func perGroup(s repo.Store) bool {
	p, ok := s.(interface{ PerGroup() bool })
	return ok && p.PerGroup()
}

// group is a part of the suite.
type group struct {
	name string
	run  func(t *testing.T, open Open)
}

func groups() []group {
	return []group{
		{"Activate", testActivate},
		{"Save", testSave},
		{"SaveRepeats", testSaveRepeats},
		{"SaveRejects", testSaveRejects},
		{"SaveFences", testSaveFences},
		{"Change", testChange},
		{"Participants", testParticipants},
		{"Roles", testRoles},
		{"Messages", testMessages},
		{"PageBytes", testPageBytes},
		{"ChangeBytes", testChangeBytes},
		{"Conversations", testConversations},
		{"Members", testMembers},
		{"Users", testUsers},
		{"Unavailable", testUnavailable},
		{"Migrate", testMigrate},
		{"Rivals", testRivals},
		{"Model", testModel},
	}
}

// Groups names the groups of cases in their order.
func Groups() (names []string) {
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// Run holds a store against the contract of repo.Store. With names, only
// those groups of cases are run.
func Run(t *testing.T, open Open, only ...string) {
	for _, g := range groups() {
		if len(only) > 0 && !slices.Contains(only, g.name) {
			continue
		}
		t.Run(g.name, func(t *testing.T) { g.run(t, open) })
	}
}
