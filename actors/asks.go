package actors

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
)

// Statuses asks every other node for its state. The result is by the nodes' ids.
func (s *System) Statuses(ctx context.Context) map[string]Status {
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := map[string]Status{}
	for _, node := range s.others() {
		wg.Go(func() {
			answer, err := s.cluster.ask(ctx, node, func(n uint64) any { return &message.StatusAsked{Ask: n} })
			mu.Lock()
			defer mu.Unlock()
			if a, ok := answer.(*message.StatusAnswered); ok {
				all[node] = Status{Data: a.Data}
			} else {
				all[node] = Status{Err: err}
			}
		})
	}
	wg.Wait()
	return all
}

// Status is the state of a node, in its own words.
type Status struct {
	Data []byte // one JSON object
	Err  error  // set when there is no answer
}

// askFor bounds how long one node waits for another's answer.
const askFor = 2 * time.Second

// ask sends a question to another node and waits for the answer. make makes the question
// from its number. The error wraps repo.ErrUnavailable.
func (c *cluster) ask(ctx context.Context, node string, make func(n uint64) any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	n, answer := c.asks.begin(node)
	defer c.asks.end(n)
	if err := c.out.Try(node, make(n)); err != nil {
		return nil, &unanswered{err}
	}
	select {
	case a := <-answer:
		if a == nil {
			return nil, &unanswered{errNodeLeft}
		}
		return a, nil
	case <-ctx.Done():
		return nil, &unanswered{errSilent}
	}
}

// tellAll sends m to every other node, and returns when each has handled it or has left.
// An error says that one had not when ctx ended. It still will, if both nodes live on.
func (s *System) tellAll(ctx context.Context, m any) error {
	var all errgroup.Group
	for _, node := range s.others() {
		all.Go(func() error { return s.tellOne(ctx, node, m) })
	}
	return all.Wait()
}

func (s *System) tellOne(ctx context.Context, node string, m any) error {
	n, answer := s.cluster.asks.begin(node)
	defer s.cluster.asks.end(n)
	if !slices.Contains(s.others(), node) {
		return nil // it has left, so asks.fail may have been called before begin
	}
	s.cluster.tell(node, m)
	s.cluster.tell(node, &message.PresenceAsked{Ask: n}) // about nobody: the answer proves that m was handled
	select {
	case <-answer:
		return nil
	case <-ctx.Done():
		return &unanswered{errSilent}
	}
}

var (
	errNodeLeft = errors.New("it has left the cluster")
	errSilent   = errors.New("it said nothing in time")
)

// unanswered says why another node did not answer. It wraps repo.ErrUnavailable, so that
// clients are answered as when the store is away, without that error's text.
type unanswered struct{ why error }

// Error implements error.
func (u *unanswered) Error() string { return u.why.Error() }

// Unwrap makes it a repo.ErrUnavailable for errors.Is.
func (u *unanswered) Unwrap() []error { return []error{repo.ErrUnavailable, u.why} }

// asks are the questions to other nodes that wait for an answer.
type asks struct {
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]ask
}

type ask struct {
	node   string
	answer chan any // gets one value: the answer, or nil when the node has left
}

func (a *asks) begin(node string) (n uint64, answer chan any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	answer = make(chan any, 1)
	a.waiting[a.last] = ask{node: node, answer: answer}
	return a.last, answer
}

func (a *asks) end(n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, n)
}

func (a *asks) answer(n uint64, m any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w, ok := a.waiting[n]; ok {
		delete(a.waiting, n)
		w.answer <- m
	}
}

// fail ends the questions to a node that has left.
func (a *asks) fail(node string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for n, w := range a.waiting {
		if w.node == node {
			delete(a.waiting, n)
			w.answer <- nil
		}
	}
}
