package actors

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// known returns the presence of users as the cluster knows it now. Those who are left out
// have no session. An error says that a node that owns one of them does not answer.
func (s *System) known(ctx context.Context, userIDs []string) (map[string]wire.PresenceStatus, error) {
	if s.cluster == nil {
		return s.directory.Known(userIDs), nil
	}
	byNode := map[string][]string{}
	for _, id := range userIDs {
		node := s.locator.Owner(locator.User, id)
		byNode[node] = append(byNode[node], id)
	}
	known, err := s.knownTo(ctx, byNode)
	if err != nil {
		return nil, err
	}
	s.seek(ctx, userIDs, known)
	return known, nil
}

// seek looks for users whom their owners do not know as online, on the nodes that have
// sessions of them. Such a user may be connected all the same: the owner has not heard of
// it yet, because the session has just come, or because the user has just got another
// owner. Those who are found are added to known. A node that does not answer is ignored.
func (s *System) seek(ctx context.Context, userIDs []string, known map[string]wire.PresenceStatus) {
	var away []string
	for _, id := range userIDs {
		if !known[id].Online {
			away = append(away, id)
		}
	}
	if len(away) == 0 {
		return
	}
	byNode := s.cluster.where.At(away)
	byNode[s.hub.Node()] = away
	ctx, cancel := context.WithTimeout(ctx, seekFor)
	defer cancel()
	found, _ := s.knownTo(ctx, byNode)
	for id, status := range found {
		if status.Online {
			known[id] = status
		}
	}
}

// seekFor bounds the time that seek takes.
const seekFor = askFor / 4

// knownTo asks each node for the presence of the users listed for it. Together with an
// error it returns the answers that came.
func (s *System) knownTo(ctx context.Context, byNode map[string][]string) (map[string]wire.PresenceStatus, error) {
	known := s.knownHere(byNode[s.hub.Node()])
	var mu sync.Mutex
	var all errgroup.Group
	for node, ids := range byNode {
		if node == s.hub.Node() {
			continue
		}
		all.Go(func() error {
			answer, err := s.cluster.ask(ctx, node, func(n uint64) any { return &message.PresenceAsked{Ask: n, UserIDs: ids} })
			if err != nil {
				return fmt.Errorf("node %s: %w", node, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if a, ok := answer.(*message.PresenceAnswered); ok {
				for id, status := range a.Users {
					if !known[id].Online {
						known[id] = status
					}
				}
			}
			return nil
		})
	}
	err := all.Wait()
	return known, err
}

// knownHere returns the presence of users as this node knows it: of those that it owns,
// and of all who are connected to it.
func (s *System) knownHere(userIDs []string) map[string]wire.PresenceStatus {
	known := s.directory.Known(userIDs)
	for id, seen := range s.hub.Present(userIDs, s.o.PresenceGrace) {
		if !known[id].Online {
			known[id] = wire.PresenceStatus{Online: true, LastSeen: seen}
		}
	}
	return known
}
