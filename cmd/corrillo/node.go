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
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/wire/admin"
	"github.com/corrillo/corrillo/wire/peers"
	"github.com/corrillo/corrillo/wire/transport"
)

// clusterSchema is the version of the tables that the nodes of a cluster share:
// that of the last migration.
const clusterSchema = 1

// node is this process as one of a cluster: its links, its lease, and the
// views that it goes through.
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
		Grace: n.s.Cluster.Lease / 4, // it looks every fifth
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

// start opens the links and asks to be taken in. What it has opened is close's
// to end, also when it fails.
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

// reachable are the nodes to which the link is up, and that take what goes over
// it: what waits for one that lives and takes less than there is has no bound but
// that it is taken out.
func (n *node) reachable() map[string]bool {
	up := n.links.Up()
	for id, is := range up {
		up[id] = is && !n.system.Choked(id)
	}
	return up
}

// keeper is nil until the node has asked to be taken in.
func (n *node) keeper() *nodes.Keeper { return n.keeping.Load() }

func (n *node) wake() {
	if k := n.keeper(); k != nil {
		k.Wake()
	}
}

// valid is what the others are told of this node's lease.
func (n *node) valid() bool {
	k := n.keeper()
	return k != nil && k.Valid()
}

// undisputed reports whether nobody can have taken over from this node.
func (n *node) undisputed() bool {
	k := n.keeper()
	return k != nil && k.Undisputed()
}

// sameSchema refuses a node that works with other tables.
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
	if e.CA != "" || e.Cert != "" || e.Key != "" { // else an https endpoint has whom the machine trusts
		var err error
		if o.TLS, err = etcd.TLSFiles(e.CA, e.Cert, e.Key); err != nil {
			return nil, fmt.Errorf("cluster.etcd.ca, cluster.etcd.cert, cluster.etcd.key: %w", err)
		}
	}
	return etcd.Open(ctx, o)
}

// connect has links to these nodes, and to nobody else.
func (n *node) connect(to []placement.Node) {
	all := make([]peers.Peer, len(to))
	for i, p := range to {
		all[i] = peers.Peer{ID: p.ID, Address: p.Address, Leaving: p.State == placement.Leaving}
	}
	n.links.Set(all)
}

// apply goes on to a view.
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

// keepForwards forgets the ways to nodes that are in no view any more.
func (n *node) keepForwards(v *placement.View) {
	n.forwards.Range(func(id, _ any) bool {
		if !v.Has(id.(string)) {
			n.forwards.Delete(id)
		}
		return true
	})
}

// adopt goes on to a view that another node has told of.
func (n *node) adopt(v placement.View) {
	if k := n.keeper(); k != nil {
		k.Adopt(v)
		n.apply(v)
	}
}

// awaitMember returns when this process is a member of the cluster and all other
// members know: they pass on what comes to them for it. One that is lost before
// that is to be started again as one that is lost later is.
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

// elsewhere gives the way to another node for a request whose session lives
// there.
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

// serveForwarded takes a request that another node passes on.
func (n *node) serveForwarded(w http.ResponseWriter, r *http.Request) {
	routes := n.routes.Load()
	if routes == nil {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	(*routes).ServeHTTP(w, r.WithContext(transport.Forwarded(r.Context())))
}

// errLapsed is why a node that stops does not wait for others to take over.
var errLapsed = errors.New("the registry does not renew this node's lease, so nobody can be told")

// leave hands what this node owns to the others. It has a fifth of the time
// until ctx ends, handOffWithin at the most, and none once its lease has lapsed:
// that the registry is away must not hold up who is sent away next. What was not
// handed over by then still is, as soon as it can be, until close.
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
		return err // it says what was done
	}
	if err := n.system.HandedOff(ctx); err != nil {
		return fmt.Errorf("hand over to other nodes: %w", err)
	}
	return nil
}

const (
	// goodbye bounds how long a node takes to say that it has gone.
	goodbye = time.Second
	// handOffWithin bounds how long a node that stops waits for others to take
	// over.
	handOffWithin = 5 * time.Second
	// exitLost is the exit code of a process that has lost its place in the
	// cluster: it is to be started again (EX_TEMPFAIL of sysexits.h).
	exitLost = 75
)

// close takes the node out of the cluster and ends its links. It has its own
// time for that, however little was left: others wait for a node that they do not
// know to have gone.
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

// self describes this node.
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

// stats are what the node's metrics are read from. The node has started.
func (n *node) stats() nodeStats {
	return nodeStats{
		keeper: n.keeper().Stats(), links: n.links.State(), port: n.links.Stats(),
		routing: n.system.Routing(), between: n.system.ClusterStats(),
	}
}

// status is self as JSON, for other nodes.
func (n *node) status() []byte {
	b, err := json.Marshal(n.self())
	if err != nil {
		n.log.Error("the node's status has no JSON", "err", err)
	}
	return b
}

// ServeHTTP answers with how the cluster is, as this node and the others see it.
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
