package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/corrillo/corrillo/repo"
)

// Registry implements repo.Registry in etcd, by etcd's clock. A lease lives for whole
// seconds, rounded up, and at least for etcd's own minimum, 2 s by default. It may be
// seen as expired up to a second late, and a change of etcd's leader lets every lease
// begin its time anew.
type Registry struct {
	conn *connection
	keys keys

	mu   sync.Mutex
	held map[string]held // by node id: what this Registry has registered
}

// held is a lease of etcd, and the value of its node/<id>.
type held struct {
	lease clientv3.LeaseID
	value string
}

var _ repo.Registry = (*Registry)(nil)

// keys makes the names of etcd's keys: see the package's comment.
type keys struct{ prefix string }

func (k keys) cluster() string        { return k.prefix + "cluster" }
func (k keys) nodes() string          { return k.prefix + "node/" }
func (k keys) node(id string) string  { return k.prefix + "node/" + id }
func (k keys) lives() string          { return k.prefix + "alive/" }
func (k keys) alive(id string) string { return k.prefix + "alive/" + id }

// Open makes a Registry. Without a user it does not wait for etcd; while etcd is away
// every call returns repo.ErrUnavailable. With a user it asks for a token, for at
// most DialTimeout, and fails when etcd refuses that.
func Open(ctx context.Context, o Options) (*Registry, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	r := &Registry{conn: newConnection(o), keys: keys{o.Prefix}, held: map[string]held{}}
	if _, err := r.client(ctx, "open etcd"); err != nil && !errors.Is(err, repo.ErrUnavailable) {
		return nil, err
	}
	return r, nil
}

// client returns etcd's client. what is what it is needed for, for the error.
func (r *Registry) client(ctx context.Context, what string) (*clientv3.Client, error) {
	client, err := r.conn.get(ctx)
	if err != nil {
		return nil, r.failed(what, err)
	}
	return client, nil
}

// Close implements repo.Registry.
func (r *Registry) Close() error { return r.conn.close() }

// Register implements repo.Registry.
func (r *Registry) Register(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	return r.put(ctx, "register the node", l, ttl, false)
}

// Renew implements repo.Registry. It keeps etcd's lease alive, which adds nothing to
// etcd's history, and writes node/<id> only when its value has changed.
func (r *Registry) Renew(ctx context.Context, l repo.Lease, ttl time.Duration) error {
	const what = "renew the lease"
	value, err := valueOf(&l)
	if err != nil {
		return err
	}
	client, err := r.client(ctx, what)
	if err != nil {
		return err
	}
	r.mu.Lock()
	h, known := r.held[l.ID]
	r.mu.Unlock()
	if !known {
		return r.put(ctx, what, l, ttl, true)
	}
	_, err = client.KeepAliveOnce(ctx, h.lease)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return r.put(ctx, what, l, ttl, true)
	}
	if err != nil {
		return r.failed(what, err)
	}
	there := clientv3.Compare(clientv3.Version(r.keys.node(l.ID)), ">", 0)
	tx := client.Txn(ctx).If(there)
	if h.value != value {
		tx = tx.Then(clientv3.OpPut(r.keys.node(l.ID), value))
	}
	res, err := tx.Commit()
	if err != nil {
		return r.failed(what, err)
	}
	if !res.Succeeded {
		return fmt.Errorf("%s: %w", what, repo.ErrLeaseLost)
	}
	r.hold(l.ID, held{h.lease, value})
	return nil
}

// put gets a new lease from etcd and writes node/<id> and alive/<id>; with renew only
// if node/<id> exists.
func (r *Registry) put(ctx context.Context, what string, l repo.Lease, ttl time.Duration, renew bool) error {
	value, err := valueOf(&l)
	if err != nil {
		return err
	}
	client, err := r.client(ctx, what)
	if err != nil {
		return err
	}
	lease, err := client.Grant(ctx, int64((ttl+time.Second-1)/time.Second))
	if err != nil {
		return r.failed(what, err)
	}
	tx := client.Txn(ctx)
	if renew {
		tx = tx.If(clientv3.Compare(clientv3.Version(r.keys.node(l.ID)), ">", 0))
	}
	res, err := tx.Then(
		clientv3.OpPut(r.keys.node(l.ID), value),
		clientv3.OpPut(r.keys.alive(l.ID), "", clientv3.WithLease(lease.ID)),
	).Commit()
	if err != nil {
		return r.failed(what, err)
	}
	if !res.Succeeded {
		_, _ = client.Revoke(ctx, lease.ID) // it ends by itself as well
		return fmt.Errorf("%s: %w", what, repo.ErrLeaseLost)
	}
	r.hold(l.ID, held{lease.ID, value})
	return nil
}

func (r *Registry) hold(id string, h held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[id] = h
}

// Remove implements repo.Registry.
func (r *Registry) Remove(ctx context.Context, id string) error {
	const what = "remove the lease"
	client, err := r.client(ctx, what)
	if err != nil {
		return err
	}
	if _, err := client.Txn(ctx).Then(r.deletions(id)...).Commit(); err != nil {
		return r.failed(what, err)
	}
	r.mu.Lock()
	h, known := r.held[id]
	delete(r.held, id)
	r.mu.Unlock()
	if known {
		_, _ = client.Revoke(ctx, h.lease) // it ends by itself as well
	}
	return nil
}

func (r *Registry) deletions(ids ...string) []clientv3.Op {
	ops := make([]clientv3.Op, 0, 2*len(ids))
	for _, id := range ids {
		ops = append(ops, clientv3.OpDelete(r.keys.node(id)), clientv3.OpDelete(r.keys.alive(id)))
	}
	return ops
}

// Read implements repo.Registry. A transaction of etcd sees one revision.
func (r *Registry) Read(ctx context.Context) (repo.Registered, error) {
	const what = "read the registry"
	client, err := r.client(ctx, what)
	if err != nil {
		return repo.Registered{}, err
	}
	res, err := client.Txn(ctx).Then(
		clientv3.OpGet(r.keys.cluster()),
		clientv3.OpGet(r.keys.lives(), clientv3.WithPrefix(), clientv3.WithKeysOnly()),
		clientv3.OpGet(r.keys.nodes(), clientv3.WithPrefix()), // ascending by key
	).Commit()
	if err != nil {
		return repo.Registered{}, r.failed(what, err)
	}
	var got repo.Registered
	for _, kv := range res.Responses[0].GetResponseRange().Kvs {
		got.Record.Generation = uint64(kv.Version)
		if err := json.Unmarshal(kv.Value, &got.Record.Members); err != nil {
			return repo.Registered{}, fmt.Errorf("%s: members of generation %d: %w", what, kv.Version, err)
		}
	}
	alive := map[string]bool{}
	for _, kv := range res.Responses[1].GetResponseRange().Kvs {
		alive[string(kv.Key[len(r.keys.lives()):])] = true
	}
	for _, kv := range res.Responses[2].GetResponseRange().Kvs {
		id := string(kv.Key[len(r.keys.nodes()):])
		l, err := leaseOf(id, kv.Value)
		if err != nil {
			return repo.Registered{}, fmt.Errorf("%s: %w", what, err)
		}
		got.Leases = append(got.Leases, repo.LeaseSeen{Lease: l, Expired: !alive[id]})
	}
	return got, nil
}

// Propose implements repo.Registry.
func (r *Registry) Propose(ctx context.Context, p repo.Proposal) error {
	if err := p.Check(); err != nil {
		return err
	}
	what := fmt.Sprintf("propose generation %d", p.Record.Generation)
	client, err := r.client(ctx, what)
	if err != nil {
		return err
	}
	members, err := json.Marshal(p.Record.Members)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	// A key that is not there has the version 0.
	conditions := []clientv3.Cmp{clientv3.Compare(clientv3.Version(r.keys.cluster()), "=", int64(p.Record.Generation-1))}
	for _, id := range p.Expired {
		conditions = append(conditions, clientv3.Compare(clientv3.Version(r.keys.alive(id)), "=", 0))
	}
	ops := append([]clientv3.Op{clientv3.OpPut(r.keys.cluster(), string(members))}, r.deletions(p.Expired...)...)
	res, err := client.Txn(ctx).If(conditions...).Then(append(ops, r.deletions(p.Removed...)...)...).Commit()
	if err != nil {
		return r.failed(what, err)
	}
	if !res.Succeeded {
		return fmt.Errorf("%s: %w", what, repo.ErrConflict)
	}
	return nil
}

// failed adds to an error what was done and where. Unless etcd has refused the
// request as such, the error wraps repo.ErrUnavailable.
func (r *Registry) failed(what string, err error) error {
	var code codes.Code
	if e, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		code = e.Code()
	} else {
		code = status.Code(err)
	}
	where := "etcd at " + strings.Join(r.conn.o.Endpoints, ", ")
	switch code {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return fmt.Errorf("%s: %s: %w", where, what, err)
	default:
		return &unavailable{what: fmt.Sprintf("%s gave no answer: %s", where, what), err: err}
	}
}

// unavailable wraps repo.ErrUnavailable without its text, which speaks of the store.
type unavailable struct {
	what string
	err  error
}

// Error implements error.
func (u *unavailable) Error() string { return u.what + ": " + u.err.Error() }

// Unwrap makes it a repo.ErrUnavailable for errors.Is.
func (u *unavailable) Unwrap() []error { return []error{repo.ErrUnavailable, u.err} }
