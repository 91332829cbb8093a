package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/corrillo/corrillo/repo/repotest"
)

// Link is a TCP proxy that makes a bad network: Toxiproxy, in this process. Its address
// stays the same when the server behind it is replaced.
type Link struct {
	proxy *toxiproxy.Proxy
	count int // of toxics so far
}

// NewLink makes a link to an address; it ends with the test. With resets, connections
// through it end with a RST instead of a FIN.
func NewLink(tb testing.TB, to string, resets bool) (*Link, error) {
	tb.Helper()
	port, err := repotest.FreePort()
	if err != nil {
		return nil, err
	}
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics have a logger of their own
	quiet := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &Link{proxy: toxiproxy.NewProxy(quiet, "link", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), to)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	tb.Cleanup(func() {
		if err := bounded("stop", func() error { l.proxy.Stop(); return nil }); err != nil {
			tb.Error(err)
		}
	})
	if resets {
		// A connection that begins while there is such a toxic, whether or not
		// it is ever struck by it, has no linger (toxiproxy: link.go).
		if _, err := l.add(toxic{Type: "reset_peer", Stream: up, Toxicity: 0, Attributes: map[string]int64{"timeout": 0}}); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Addr is host:port of the link's own end, to connect to.
func (l *Link) Addr() string { return l.proxy.Listen }

// Point makes the link lead to another address, and ends its connections.
func (l *Link) Point(to string) error {
	if err := l.proxy.Update(&toxiproxy.Proxy{Listen: l.proxy.Listen, Upstream: to, Enabled: true}); err != nil {
		return fmt.Errorf("point a proxy elsewhere: %w", err)
	}
	return nil
}

// Directions, as Toxiproxy calls them: what clients send goes upstream.
const (
	up   = "upstream"
	down = "downstream"
)

// oneOf returns a direction at random, taken from the hold, which is random.
func oneOf(hold time.Duration) string {
	if hold%2 == 0 {
		return up
	}
	return down
}

// toxic is a fault, as Toxiproxy's API has it.
type toxic struct {
	Name       string           `json:"name"`
	Type       string           `json:"type"`
	Stream     string           `json:"stream"`
	Toxicity   float32          `json:"toxicity"` // the share of connections
	Attributes map[string]int64 `json:"attributes"`
}

func (l *Link) add(t toxic) (name string, err error) {
	l.count++
	t.Name = fmt.Sprint(t.Type, l.count)
	body, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return t.Name, bounded("add "+t.Name, func() error {
		_, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader(body))
		return err
	})
}

// suffer puts toxics on all connections of the link, and removes them after hold.
func (l *Link) suffer(ctx context.Context, hold time.Duration, toxics ...toxic) (err error) {
	for _, t := range toxics {
		t.Toxicity = 1
		name, err := l.add(t)
		if err != nil {
			return err
		}
		defer func() {
			err = errors.Join(err, bounded("remove "+name, func() error { return l.proxy.Toxics.RemoveToxic(context.WithoutCancel(ctx), name) }))
		}()
	}
	return wait(ctx, hold)
}

// bounded calls do and gives up after a while: the proxy may hang when a connection ends
// just as it is changed.
func bounded(what string, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	case <-time.After(30 * time.Second):
		return fmt.Errorf("%s: the proxy does not answer", what)
	}
}

// strain is a fault of a network: its function makes it, keeps it up and heals it.
type strain struct {
	name   string
	strike func(ctx context.Context, l *Link, hold time.Duration) error
}

var strains = []strain{
	{"slow", slow},
	{"late", late},
	{"deaf", deaf},
	{"cut", cutShort},
	{"reset", reset},
	{"unplug", unplug},
}

// slow is a bad line: with delays of varying length, and little bandwidth.
func slow(ctx context.Context, l *Link, hold time.Duration) error {
	var toxics []toxic
	for _, direction := range []string{up, down} {
		toxics = append(toxics,
			toxic{Type: "latency", Stream: direction, Attributes: map[string]int64{"latency": 30, "jitter": 25}},
			toxic{Type: "bandwidth", Stream: direction, Attributes: map[string]int64{"rate": 64}})
	}
	return l.suffer(ctx, hold, toxics...)
}

// late holds back everything in one direction until the end: a partition, and the
// packets that are sent again when it heals.
func late(ctx context.Context, l *Link, hold time.Duration) error {
	return l.suffer(ctx, hold, toxic{Type: "latency", Stream: oneOf(hold), Attributes: map[string]int64{"latency": time.Hour.Milliseconds()}})
}

// deaf drops everything in one direction, and ends the connections at the end.
func deaf(ctx context.Context, l *Link, hold time.Duration) error {
	return l.suffer(ctx, hold, toxic{Type: "timeout", Stream: oneOf(hold), Attributes: map[string]int64{"timeout": 0}})
}

// cutShort ends connections in the middle of the data that they carry.
func cutShort(ctx context.Context, l *Link, hold time.Duration) error {
	return l.suffer(ctx, hold, toxic{Type: "limit_data", Stream: oneOf(hold), Attributes: map[string]int64{"bytes": int64(hold % 1999)}})
}

// reset ends every connection as soon as it carries anything, with a RST if the link was
// made with resets.
func reset(ctx context.Context, l *Link, hold time.Duration) error {
	return l.suffer(ctx, hold, toxic{Type: "reset_peer", Stream: oneOf(hold), Attributes: map[string]int64{"timeout": 0}})
}

// unplug ends all connections and takes no new ones for a while.
func unplug(ctx context.Context, l *Link, hold time.Duration) error {
	l.proxy.Stop()
	return errors.Join(wait(ctx, hold), l.proxy.Start())
}

// resets reports whether any of the steps ends connections with a RST.
func resets(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return strings.HasPrefix(s.Nemesis, "reset-") })
}

// networks returns the nemeses of the clients' link and of the database's.
func networks() (all []Nemesis) {
	for _, s := range strains {
		all = append(all,
			Nemesis{Name: s.name + "-clients", Needs: ClientLink,
				Strike: func(ctx context.Context, a *Arena, hold time.Duration) error {
					return s.strike(ctx, a.ClientLink, hold)
				}},
			Nemesis{Name: s.name + "-database", Needs: MariaDB | DatabaseLink | ShortSaves,
				Strike: func(ctx context.Context, a *Arena, hold time.Duration) error {
					return s.strike(ctx, a.DatabaseLink, hold)
				}})
	}
	return all
}
