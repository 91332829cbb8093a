package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/etcd"
	"github.com/corrillo/corrillo/repo/migrations"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/wire/admin"
	"github.com/corrillo/corrillo/wire/peers"
	"github.com/corrillo/corrillo/wire/transport"
)

// clusterSchema is the version of the tables that the nodes of a cluster share.
var clusterSchema = migrations.Version()

// node is what this process has beside its actors as a node of a cluster: its links to
// the others, its lease, and the view that it acts under.
type node struct {
	id       string
	s        *config.Settings
	log      *slog.Logger
	registry repo.Registry
	links    *peers.Peers
	keeping  atomic.Pointer[nodes.Keeper]
	system   *actors.System
	routes   atomic.Pointer[http.Handler] // for requests that other nodes pass on

	applying   sync.Mutex
	generation uint64 // of the view that was applied last

	forwards sync.Map // node id -> http.Handler
}

func newNode(s *config.Settings, log *slog.Logger) *node {
	return &node{id: rand.Text()[:10], s: s, log: log}
}

// actorOptions are what the actors need of the cluster.
func (n *node) actorOptions() *actors.ClusterOptions {
	return &actors.ClusterOptions{
		Grace: n.s.Cluster.Lease / 4, // a node reads the registry every fifth
		Send:  n.send, MaxItem: peers.MaxItem, Adopt: n.adopt, Newer: n.wake, Valid: n.valid, Undisputed: n.undisputed, Status: n.status,
	}
}

// send puts an item on the link to another node.
func (n *node) send(to string, item []byte) error {
	err := n.links.Send(to, item)
	switch {
	case errors.Is(err, peers.ErrFull):
		return fmt.Errorf("%w: %w", actors.ErrOverloaded, err)
	case errors.Is(err, peers.ErrNotMember):
		return fmt.Errorf("%w: %w", actors.ErrNotLinked, err)
	}
	return err
}

// start opens the links and begins to join the cluster. close ends what it has begun,
// even when it fails.
func (n *node) start(ctx context.Context, system *actors.System) (err error) {
	n.system = system
	identity, err := n.identity()
	if err != nil {
		return err
	}
	c := &n.s.Cluster
	listener, err := listen(ctx, c.Listen, "--cluster-listen")
	if err != nil {
		return err
	}
	local, err := net.InterfaceAddrs()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	address, err := c.AdvertisedAt(listener.Addr().String(), local)
	if err != nil {
		return errors.Join(fmt.Errorf("cluster.advertise %w", err), listener.Close())
	}
	if n.registry, err = n.openRegistry(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	n.links, err = peers.New(ctx, peers.Options{
		Node: n.id, Listener: listener, Address: address, Identity: identity, Cluster: c.Name,
		Schema: clusterSchema, Build: version(), Compatible: sameSchema,
		Receive: system.Receive, HTTP: http.HandlerFunc(n.serveForwarded),
		Changed: n.wake, Lease: n.valid,
		MaxBytes: int(c.Queue), Silence: c.Lease * 3 / 5, Log: n.log,
	})
	if err != nil {
		return err
	}
	keeper, err := nodes.Start(ctx, nodes.Options{
		Registry: n.registry, Self: placement.Node{ID: n.id, Address: address}, Version: version(), Schema: clusterSchema,
		TTL: c.Lease, Reachable: n.reachable, OneWay: n.links.OneWay, Unlinked: n.links.Unlinked, PeerLease: n.links.PeerLease, Connect: n.connect, OnView: n.apply,
		OnLease: func(bool) { n.links.Beat() }, Log: n.log,
	})
	if err != nil {
		return err
	}
	n.keeping.Store(keeper)
	return nil
}

// reachable returns the nodes to which the link is up and which keep up with it. One
// that lives but takes less than it is sent counts as not reached, so that it is taken
// out: nothing else bounds what waits for it.
func (n *node) reachable() map[string]bool {
	up := n.links.Up()
	for id, is := range up {
		up[id] = is && !n.system.Choked(id)
	}
	return up
}

// keeper returns the node's Keeper, nil until start has made it.
func (n *node) keeper() *nodes.Keeper { return n.keeping.Load() }

func (n *node) wake() {
	if k := n.keeper(); k != nil {
		k.Wake()
	}
}

// valid reports whether this node's lease is valid, as the other nodes are told.
func (n *node) valid() bool {
	k := n.keeper()
	return k != nil && k.Valid()
}

// undisputed is nodes.Keeper.Undisputed; false before there is a Keeper.
func (n *node) undisputed() bool {
	k := n.keeper()
	return k != nil && k.Undisputed()
}

// sameSchema returns an error for a node that works with another version of the tables.
func sameSchema(h peers.Hello) error {
	if h.Schema != clusterSchema {
		return fmt.Errorf("it works with version %d of the tables, this one with %d", h.Schema, clusterSchema)
	}
	return nil
}

func (n *node) identity() (*peers.Identity, error) {
	c := &n.s.Cluster
	if c.Secret != "" {
		return peers.SharedSecret([]byte(c.Secret))
	}
	return peers.CertificateFiles(c.Cert, c.Key, c.CA)
}

func (n *node) openRegistry(ctx context.Context) (repo.Registry, error) {
	c := &n.s.Cluster
	if c.Membership == "etcd" {
		return openEtcd(ctx, &c.Etcd, c.Name)
	}
	o, err := mysql.ParseURL(n.s.Store.URL)
	if err != nil {
		return nil, fmt.Errorf("store.url: %w", err)
	}
	o.TablePrefix = n.s.Store.TablePrefix
	return mysql.OpenRegistry(o)
}

func openEtcd(ctx context.Context, e *config.Etcd, cluster string) (repo.Registry, error) {
	o := etcd.Options{Endpoints: e.Endpoints, Prefix: e.Prefix + cluster, Username: e.User, Password: e.Password}
	if e.CA != "" || e.Cert != "" || e.Key != "" { // otherwise the machine's own authorities are trusted
		var err error
		if o.TLS, err = etcd.TLSFiles(e.CA, e.Cert, e.Key); err != nil {
			return nil, fmt.Errorf("cluster.etcd.ca, cluster.etcd.cert, cluster.etcd.key: %w", err)
		}
	}
	return etcd.Open(ctx, o)
}

// connect sets which nodes this one has links to.
func (n *node) connect(to []placement.Node) {
	all := make([]peers.Peer, len(to))
	for i, p := range to {
		all[i] = peers.Peer{ID: p.ID, Address: p.Address, Leaving: p.State == placement.Leaving}
	}
	n.links.Set(all)
}

// apply adopts a view, unless a later one was adopted already.
func (n *node) apply(v placement.View) {
	n.applying.Lock()
	defer n.applying.Unlock()
	if v.Generation <= n.generation || !v.Has(n.id) {
		return
	}
	n.generation = v.Generation
	n.system.Switch(v)
	n.keepForwards(&v)
}

// keepForwards forgets the handlers for nodes that are no longer in the view.
func (n *node) keepForwards(v *placement.View) {
	n.forwards.Range(func(id, _ any) bool {
		if !v.Has(id.(string)) {
			n.forwards.Delete(id)
		}
		return true
	})
}

// adopt adopts a view that another node has sent.
func (n *node) adopt(v placement.View) {
	if k := n.keeper(); k != nil {
		k.Adopt(v)
		n.apply(v)
	}
}

// awaitMember returns when this process is a member of the cluster and all other
// members know it, so that they pass on to it what is for its sessions. When the
// process is lost before that, the error has the exit code exitLost.
func (n *node) awaitMember(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n.system.View().Generation == 0 || n.system.Routing().Unsettled > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.keeper().Lost():
			return exitError{code: exitLost, error: n.keeper().Err()}
		case <-tick.C:
		}
	}
	return nil
}

// elsewhere returns a handler that passes requests on to another node, for sessions
// that live there; nil when there is no such node.
func (n *node) elsewhere(to string) http.Handler {
	v := n.system.View()
	if !v.Has(to) {
		n.forwards.Delete(to)
		return nil
	}
	if h, ok := n.forwards.Load(to); ok {
		return h.(http.Handler)
	}
	h, _ := n.forwards.LoadOrStore(to, n.links.Forward(to))
	return h.(http.Handler)
}

// serveForwarded handles a request that another node has passed on.
func (n *node) serveForwarded(w http.ResponseWriter, r *http.Request) {
	routes := n.routes.Load()
	if routes == nil {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	(*routes).ServeHTTP(w, r.WithContext(transport.Forwarded(r.Context())))
}

// errLapsed says why a node that stops does not wait for others to take over.
var errLapsed = errors.New("the registry does not renew this node's lease, so nobody can be told")

// leave hands what this node owns over to the others. It waits for that for a fifth of
// the time until ctx ends, at most handOffWithin, and not at all once its lease has
// lapsed: a registry that is away must not delay sending the clients away, which comes
// next. What is not handed over by then may still be, until close.
func (n *node) leave(ctx context.Context) error {
	within := handOffWithin
	if end, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(end)/5)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	left := make(chan error, 1)
	go func() { left <- n.handOver(ctx) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-left:
			return err
		case <-tick.C:
			if n.valid() {
				continue
			}
			cancel()
			if err := <-left; err == nil || errors.Is(err, nodes.ErrLost) {
				return err
			}
			return fmt.Errorf("leave the cluster: %w", errLapsed)
		}
	}
}

func (n *node) handOver(ctx context.Context) error {
	if err := n.keeper().Leave(ctx); err != nil {
		return err // its text says what was being done
	}
	if err := n.system.HandedOff(ctx); err != nil {
		return fmt.Errorf("hand over to other nodes: %w", err)
	}
	return nil
}

const (
	// goodbye bounds the time in which a node tells the registry that it is gone.
	goodbye = time.Second
	// handOffWithin bounds how long a node that stops waits for others to take
	// over.
	handOffWithin = 5 * time.Second
	// exitLost is the exit code of a process that has lost its place in the
	// cluster: it is to be started again (EX_TEMPFAIL of sysexits.h).
	exitLost = 75
)

// close takes the node out of the cluster and ends its links. It takes the time that
// it needs for that, even when ctx has ended: as long as the others do not know that
// the node is gone, they wait for it.
func (n *node) close(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if k := n.keeper(); k != nil {
		err = k.Close(ctx)
	}
	if n.links != nil {
		err = errors.Join(err, n.links.Close(ctx))
	}
	if n.registry != nil {
		err = errors.Join(err, n.registry.Close())
	}
	return err
}

// self describes this node for the answer of /cluster.
func (n *node) self() admin.ClusterNode {
	v := n.system.View()
	me, _ := v.Node(n.id)
	st := n.system.Stats()
	routing := n.system.Routing()
	lapses := time.Duration(0)
	if k := n.keeper(); k != nil {
		lapses = k.Stats().Lapses
	}
	d := admin.ClusterNode{
		ID: n.id, Address: me.Address, State: me.State.String(), Since: me.Since, Version: version(), Generation: v.Generation,
		LeaseValid: lapses > 0, LeaseMs: lapses.Milliseconds(), Users: int(st.Locator.Users), Conversations: int(st.Locator.Conversations), Sessions: int(st.Hub.Sessions),
		Unsettled: routing.Unsettled, Held: routing.HeldIDs, Links: []admin.ClusterLink{},
	}
	unlinked := n.links.Unlinked()
	for _, l := range n.links.State() {
		if l.Member && v.Has(l.Node) {
			d.Links = append(d.Links, admin.ClusterLink{
				To: l.Node, Up: l.Up, Queued: l.QueuedItems, QueuedBytes: int64(l.QueuedBytes),
				RTTMs: float64(l.RTT) / float64(time.Millisecond), Why: unlinked[l.Node],
			})
		}
	}
	return d
}

// stats returns what the node's metrics are read from. start must have returned.
func (n *node) stats() nodeStats {
	return nodeStats{
		keeper: n.keeper().Stats(), links: n.links.State(), port: n.links.Stats(),
		routing: n.system.Routing(), between: n.system.ClusterStats(),
	}
}

// status returns self as JSON, for other nodes that ask for it.
func (n *node) status() []byte {
	b, err := json.Marshal(n.self())
	if err != nil {
		n.log.Error("the node's status has no JSON", "err", err)
	}
	return b
}

// ServeHTTP answers with the state of the cluster, as this node and the others see it.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := n.system.View()
	all := n.system.Statuses(r.Context())
	answer := admin.Cluster{Generation: v.Generation, Self: n.id, Nodes: []admin.ClusterNode{}}
	for _, m := range v.Nodes {
		if m.ID == n.id {
			answer.Nodes = append(answer.Nodes, n.self())
			continue
		}
		d := admin.ClusterNode{ID: m.ID, Address: m.Address, State: m.State.String(), Since: m.Since}
		s := all[m.ID]
		if s.Err == nil {
			s.Err = json.Unmarshal(s.Data, &d)
		}
		if s.Err != nil {
			d.Error = s.Err.Error()
		}
		answer.Nodes = append(answer.Nodes, d)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		n.log.Debug("the cluster's status was not read", "err", err)
	}
}
