package whereabouts

import "github.com/cespare/xxhash/v2"

// Hash is the name by which nodes tell each other of a user. It is the same on all
// nodes and in all versions. When two users have the same hash, a node may get a
// message that it has no use for, nothing worse.
func Hash(userID string) uint64 { return xxhash.Sum64String(userID) }
