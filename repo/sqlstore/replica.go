package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/repo"
)

// Replica is a database that follows the one that is written to.
type Replica struct {
	// DB is read only, and closed by the Store.
	DB *sql.DB
	// Patience bounds a read there; 500 ms. What is not there by then is read
	// where it was written, in what is left of the caller's time.
	Patience time.Duration
	// Changed is told when the replica does not answer any more, with the
	// reason, and with nil when it does again. Nobody when nil.
	Changed func(err error)
}

// The pauses before a replica that did not answer is asked again: they double.
const (
	replicaPause        = time.Second
	longestReplicaPause = 30 * time.Second
)

// errBehind says that the replica does not have yet what the asker knows.
var errBehind = errors.New("the replica is behind")

// replica is a Replica and how it does.
type replica struct {
	Replica
	// until is when it is asked again, in nanoseconds of the Unix time; 0: it
	// answers.
	until  atomic.Int64
	misses atomic.Int32 // in a row

	reads, behind, away atomic.Int64
}

func newReplica(r *Replica) *replica {
	if r == nil {
		return nil
	}
	out := &replica{Replica: *r}
	if out.Patience <= 0 {
		out.Patience = 500 * time.Millisecond
	}
	if out.Changed == nil {
		out.Changed = func(error) {}
	}
	return out
}

// due reports whether the replica is to be asked, and whether that is a probe:
// one that did not answer is asked by one read at a time, when its pause is
// over.
func (r *replica) due(now time.Time) (ask, probe bool) {
	until := r.until.Load()
	if until == 0 {
		return true, false
	}
	probe = now.UnixNano() >= until && r.until.CompareAndSwap(until, now.Add(r.pause()).UnixNano())
	return probe, probe
}

func (r *replica) pause() time.Duration {
	d := replicaPause
	for range r.misses.Load() {
		d = min(2*d, longestReplicaPause)
	}
	return d
}

// answered notes that the replica is there.
func (r *replica) answered() {
	if r.until.Swap(0) != 0 {
		r.misses.Store(0)
		r.Changed(nil)
	}
}

// missed notes that it did not answer. Of many reads that find out at once the
// first one counts.
func (r *replica) missed(probe bool, err error) {
	if probe {
		r.misses.Add(1)
		r.until.Store(time.Now().Add(r.pause()).UnixNano())
		return
	}
	if r.until.CompareAndSwap(0, time.Now().Add(r.pause()).UnixNano()) {
		r.Changed(err)
	}
}

// replicaPage reads a page from the replica. It reports false when the primary
// is to be asked: there is no replica, the query wants none, it does not
// answer, or it does not have all that the asker knows.
//
// The conversation's row is read first, and the page after it. Every
// transaction moves the row and writes its messages and changes together, and
// a replica repeats those of one row in their order: the page has everything
// up to the row's numbers at the least. What lies behind the asker's last seq
// is left out. It may be waiting for a replica to be acknowledged, and is lost
// if that never comes.
func (s *Store) replicaPage(ctx context.Context, q repo.MessageQuery) (page []repo.Message, full, ok bool) {
	r, at := s.replica, q.AtLeast
	if r == nil || at == nil || at.Epoch == 0 {
		return nil, false, false
	}
	ask, probe := r.due(time.Now())
	if !ask {
		r.away.Add(1)
		return nil, false, false
	}
	bounded, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	q.BeforeSeq = min(q.BeforeSeq, at.LastSeq+1)
	page, full, err := s.askReplica(bounded, r, &q)
	switch {
	case err == nil:
		r.answered()
		r.reads.Add(1)
		return page, full, true
	case errors.Is(err, errBehind):
		r.answered()
		r.behind.Add(1)
	case ctx.Err() == nil:
		r.missed(probe, err)
		r.away.Add(1)
	}
	return nil, false, false
}

func (s *Store) askReplica(ctx context.Context, r *replica, q *repo.MessageQuery) (page []repo.Message, full bool, err error) {
	conn, err := r.DB.Conn(ctx)
	if err != nil {
		return nil, false, err
	}
	defer func() {
		// What is wrong with the connection has been reported by its use.
		_ = conn.Close()
	}()
	var is repo.Position
	var activity timeValue
	err = conn.QueryRowContext(ctx, s.texts.activation, q.ConversationID).Scan(&is.Epoch, &is.LastSeq, &is.LastRev, &activity)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, false, errBehind
	case err != nil:
		return nil, false, err
	case is.Epoch != q.AtLeast.Epoch || is.LastSeq < q.AtLeast.LastSeq || is.LastRev < q.AtLeast.LastRev:
		return nil, false, errBehind
	}
	c := collector{}
	text, args := s.pageText(q)
	if err := readRows(ctx, conn, text, args, c.add); err != nil {
		return nil, false, err
	}
	if c.full {
		s.pagesCut.Add(1)
	}
	return c.page, c.full, nil
}
