package relay

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"sync"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Options bound a Hub. A zero field takes the default in its comment.
type Options struct {
	// Node is the id of this process, new with each start. Default: random.
	Node string
	// RecoveryWindow is how long a session outlives its connection. Default
	// 2 min; below 0: sessions end with their connection.
	RecoveryWindow time.Duration
	// LogBytes and LogAge bound the replay log. Defaults 16 MiB and
	// RecoveryWindow. LogBytes below 0: nothing is kept.
	LogBytes int
	LogAge   time.Duration
	// ReplayBytes bounds the frames that one recovery brings, which all wait in the
	// new connection's queue at once. Default 1 MiB; a single frame may be larger.
	// Over it there is no recovery: the connection would be closed as a slow
	// consumer's, and its client would come back for the same.
	ReplayBytes int
	// MaxDetached bounds the sessions that wait for recovery; over it the
	// one that waits longest ends. Default 50,000.
	MaxDetached int
	// HeldBytes bounds the frames that are held back for a session's gated joins.
	// Default 1 MiB; over it the connection is closed as a slow consumer's.
	HeldBytes int
	// PerUser bounds a user's sessions on this node. 0: no bound.
	PerUser int
	// Shared says that there are other nodes. The hub then keeps the place that the
	// order of a direct conversation has reached for as long as one of its people is
	// here, so that nothing is missed when the node that owns it dies: see follow.
	Shared bool
	// Whereabouts is told which users have sessions here. Default: nothing is.
	Whereabouts Whereabouts
	// OnAck is called with the time from reading an event to handing its message_ack
	// to the connection. It must not block. Default: nothing.
	OnAck func(time.Duration)
	// Left is called for each join that a conversation has counted but that was not
	// carried out here: the session is gone or has identified as somebody else, or
	// its connection was lost before the reply. join is the serial of its command.
	// Left must not block and must not call the hub. Default: nothing.
	Left func(conversationID string, session message.SessionRef, join uint64)
	// Shown is called when a session begins to show its user's presence in a
	// conversation, and when it ceases to, in that order. It is not called when the
	// session ends or identifies as somebody else. It must not block and must not
	// call the hub. Default: nothing.
	Shown func(userID, conversationID string, session message.SessionRef, shown bool)
}

// Whereabouts is told of the users who have sessions on this node. Here and Gone are
// called under the hub's lock: they must not block, and not call the hub.
type Whereabouts interface {
	Here(userID string) // the user's first session has begun
	Gone(userID string) // the user's last session has ended
	// Tell is called, without a lock, before a session learns that it is bound to a
	// user: other nodes must know of the user before the session asks them anything.
	Tell()
}

// nowhere is the Whereabouts of a node that is alone.
type nowhere struct{}

// Here implements Whereabouts.
func (nowhere) Here(string) {}

// Gone implements Whereabouts.
func (nowhere) Gone(string) {}

// Tell implements Whereabouts.
func (nowhere) Tell() {}

func (o *Options) defaults() {
	if o.Node == "" {
		o.Node = rand.Text()[:10]
	}
	if o.RecoveryWindow == 0 {
		o.RecoveryWindow = 2 * time.Minute
	}
	if o.LogBytes == 0 {
		o.LogBytes = 16 << 20
	}
	if o.LogAge == 0 {
		o.LogAge = o.RecoveryWindow
	}
	if o.ReplayBytes == 0 {
		o.ReplayBytes = 1 << 20
	}
	if o.MaxDetached == 0 {
		o.MaxDetached = 50_000
	}
	if o.HeldBytes == 0 {
		o.HeldBytes = 1 << 20
	}
	if o.Whereabouts == nil {
		o.Whereabouts = nowhere{}
	}
	if o.OnAck == nil {
		o.OnAck = func(time.Duration) {}
	}
	if o.Left == nil {
		o.Left = func(string, message.SessionRef, uint64) {}
	}
	if o.Shown == nil {
		o.Shown = func(string, string, message.SessionRef, bool) {}
	}
}

// Hub is the node's table of sessions, rooms and users, and its replay log.
// It is safe for concurrent use; no method blocks on I/O.
type Hub struct {
	o     Options
	node  string
	batch wire.Batch // set before the first session

	mu       sync.Mutex
	offset   uint64 // of the newest frame; see firstOffset
	nextID   uint64
	sessions map[uint64]*Subscriber
	rooms    map[string]*room
	joined   int // how many rooms have members
	users    map[string]*userRoom
	most     struct{ sessions, rooms, users int } // the peak sizes of the maps; see small.Shrink
	log      replay
	detached int
	stats    Stats
}

// NewHub returns an empty hub.
func NewHub(o Options) *Hub {
	o.defaults()
	return &Hub{
		o: o, node: o.Node, batch: noBatch{}, offset: firstOffset(),
		sessions: map[uint64]*Subscriber{},
		rooms:    map[string]*room{},
		users:    map[string]*userRoom{},
		log:      replay{maxBytes: o.LogBytes, maxAge: o.LogAge},
	}
}

// UseBatch sets how the hub marks frames that may go out in one write. It must be
// called before the first Open.
func (h *Hub) UseBatch(b wire.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.batch = b
}

// noBatch is the default, for transports that write each frame by itself.
type noBatch struct{}

// Begin implements wire.Batch.
func (noBatch) Begin() {}

// End implements wire.Batch.
func (noBatch) End() {}

// Node returns this process start's id.
func (h *Hub) Node() string { return h.node }

// Open begins a session on conn and welcomes it. Nothing calls owner before
// Open has returned.
func (h *Hub) Open(conn wire.Conn, owner Owner) *Subscriber {
	s := &Subscriber{hub: h, owner: owner, conn: conn, generation: 1}
	rand.Read(s.secret[:]) //nolint:errcheck // crypto/rand.Read never returns an error
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nextID++
	s.id = h.nextID
	s.born = h.offset
	h.sessions[s.id] = s
	h.stats.Opened++
	conn.Welcome(wire.Welcome{SID: h.sid(s), PID: h.pid(s)})
	return s
}

// SID returns the session's public id.
func (h *Hub) SID(s *Subscriber) string { return h.sid(s) }

// sid is public, pid holds the secret. Both begin with the node's id, so that other
// nodes know where the session is.
func (h *Hub) sid(s *Subscriber) string {
	return h.node + "." + strconv.FormatUint(s.id, 36)
}

func (h *Hub) pid(s *Subscriber) string {
	return h.sid(s) + "." + base64.RawURLEncoding.EncodeToString(s.secret[:])
}

// lookup finds the session that a pid names, in time that does not depend on
// how much of the secret is right. Under the lock.
func (h *Hub) lookup(pid string) *Subscriber {
	rest, ok := cutPrefix(pid, h.node+".")
	if !ok {
		return nil
	}
	number, secret, ok := cut(rest, '.')
	if !ok {
		return nil
	}
	id, err := strconv.ParseUint(number, 36, 64)
	if err != nil {
		return nil
	}
	given, err := base64.RawURLEncoding.DecodeString(secret)
	s := h.sessions[id]
	if err != nil || s == nil || s.ended || subtle.ConstantTimeCompare(given, s.secret[:]) != 1 {
		return nil
	}
	return s
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return s, false
	}
	return s[len(prefix):], true
}

func cut(s string, sep byte) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// firstOffset is the random number from which a process counts offsets, so that an
// offset of another process is never taken for one of its own.
func firstOffset() uint64 {
	var b [8]byte
	rand.Read(b[:])                           //nolint:errcheck // crypto/rand.Read never returns an error
	return binary.BigEndian.Uint64(b[:]) >> 1 // as many are left to count
}

// formatOffset gives an offset as clients see it: an opaque string of 11
// characters, base64url of eight bytes.
func formatOffset(o uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], o)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func parseOffset(s string) (uint64, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

// Detach is called when a connection has ended. It reports whether it was
// the session's current one, the generation that this makes, and whether the
// session is over, for that reason or because it was never bound to a user:
// then its actor is to end it. A connection that a recovery has replaced, or
// whose session has ended, changes nothing.
func (h *Hub) Detach(s *Subscriber, conn wire.Conn, reason wire.CloseReason) (generation uint64, over, current bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.conn != conn || s.ended {
		return 0, false, false
	}
	h.cutGates(s)
	s.conn = nil
	s.generation++
	if s.user == nil || !reason.Recoverable() {
		s.ended = true
		return s.generation, true, true
	}
	s.detached = time.Now().UnixNano()
	h.detached++
	if h.detached > h.o.MaxDetached {
		h.expireOldest()
	}
	return s.generation, false, true
}

// expireOldest ends the session that waits longest. It is a scan, made only
// over the bound.
func (h *Hub) expireOldest() {
	var oldest *Subscriber
	for _, s := range h.sessions {
		if s.waits() && (oldest == nil || s.detached < oldest.detached) {
			oldest = s
		}
	}
	if oldest != nil {
		h.finish(oldest, wire.CloseReplaced)
	}
}

// waits reports whether the session waits for a recovery.
func (s *Subscriber) waits() bool { return s.detached != 0 && !s.ended }

// End removes a session and returns the conversations that it had joined and
// its user ("" when it had none). Ending twice returns nothing the second
// time.
func (h *Hub) End(s *Subscriber) (conversations []string, userID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[s.id] != s {
		return nil, ""
	}
	delete(h.sessions, s.id)
	if s.waits() {
		h.detached--
	}
	s.ended = true
	conversations = h.leaveAll(s)
	if s.user != nil {
		userID = s.user.id
		h.unbindUser(s)
	}
	s.conn = nil
	return conversations, userID
}

// Close closes the session's connection, if it has one.
func (h *Hub) Close(s *Subscriber, reason wire.CloseReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.conn != nil {
		s.conn.Close(reason)
	}
}

// Finish closes a session's connection, if it has one, and ends the session:
// from now on nothing recovers it, however long the connection takes to go.
func (h *Hub) Finish(s *Subscriber, reason wire.CloseReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finish(s, reason)
}

// finish reports whether the session had a connection. Under the lock.
func (h *Hub) finish(s *Subscriber, reason wire.CloseReason) bool {
	if s.ended {
		return false
	}
	if s.conn == nil {
		h.detached--
	} else {
		s.conn.Close(reason)
	}
	s.ended = true
	s.owner.Expired()
	return s.conn != nil
}

// Bind makes the session a user's. When the user has too many already, one
// that waits for a recovery makes room; when all are connected it returns an
// Error with CodeRateLimited.
func (h *Hub) Bind(s *Subscriber, userID string) (generation uint64, e *wire.Error) {
	generation, e = h.bind(s, userID)
	h.o.Whereabouts.Tell()
	return generation, e
}

func (h *Hub) bind(s *Subscriber, userID string) (generation uint64, e *wire.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.user != nil && s.user.id == userID {
		return s.generation, nil
	}
	if u := h.users[userID]; u != nil && h.o.PerUser > 0 && !h.makeRoom(u) {
		return 0, wire.Errorf(wire.CodeRateLimited, "this user has %d connections already", h.o.PerUser)
	}
	h.unbindUser(s)
	h.bindUser(s, userID)
	return s.generation, nil
}

// makeRoom reports whether the user may have one more session, and ends the
// one that waits longest for a recovery if that is what it takes.
func (h *Hub) makeRoom(u *userRoom) bool {
	var oldest *Subscriber
	n := 0
	for _, s := range u.sessions {
		if s.ended {
			continue
		}
		n++
		if s.waits() && (oldest == nil || s.detached < oldest.detached) {
			oldest = s
		}
	}
	if n < h.o.PerUser {
		return true
	}
	if oldest == nil {
		return false
	}
	h.finish(oldest, wire.CloseReplaced)
	return true
}

// UserOf returns the user of the session that a pid names, "" when there is
// none.
func (h *Hub) UserOf(pid string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.lookup(pid); s != nil && s.user != nil {
		return s.user.id
	}
	return ""
}

// Unbind leaves everything that the session had joined and its user, for a
// new identity. Joins of its commands up to the one with the serial last, which
// may be on their way, are not carried out any more: not even when it becomes the
// same user's again.
func (h *Hub) Unbind(s *Subscriber, last uint64) (conversations []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.firstSerial = last + 1
	conversations = h.leaveAll(s)
	h.unbindUser(s)
	return conversations
}
