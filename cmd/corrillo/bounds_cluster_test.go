package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/admin"
)

// The bounds between nodes are bounds, too: the first node of a cluster is brought
// to them, and its metrics tell.
func TestBounds_BetweenNodes(t *testing.T) {
	t.Parallel()
	_, rest, ok := strings.Cut(operations(t), "\n### Bounds between nodes\n")
	if !ok {
		t.Fatal("there is no such heading")
	}
	meetBounds(t, boundRows(t, rest), clusterBounds(repotest.StartMariaDB(t)), func(*testing.T) {})
}

func clusterBounds(server *repotest.Server) boundCases {
	with := func(meet func(t *testing.T, s *boundServer) string, args ...string) func(t *testing.T) boundCase {
		return func(t *testing.T) boundCase {
			return boundCase{
				env:  []string{"DATABASE_URL=" + server.NewDatabase(t), "CLUSTER_SECRET=" + strings.Repeat("s", 32)},
				args: append(asNode(t), args...), meet: meet,
			}
		}
	}
	return boundCases{
		"what waits for one other node": with(fillLink, "--cluster-queue=1MiB"),
		"connections to the cluster port that have shown no certificate yet, of all addresses together": with(crowdThePort),
		"what must get through a full link": with(leaveBehindAFullLink, "--cluster-queue=2MiB", "--limits=off"),
		"one item":                          with(askForTooMuch(server)),
		"what is for people and was not sent to a node, in case they have just come there": with(keepForPeople),
		"messages for one user or conversation that moves":                                 with(holdForOne),
		"messages for all that move, on one node":                                          with(holdForAll, "--limits=off"),
		"a connection that waits to be recovered at another node":                          with(comeBackElsewhere),
		"time for another node's part of `get_presence`":                                   with(askWhoIsThere),
		"questions of conversations about who is online, when the members have changed": func(t *testing.T) boundCase {
			var q questions
			c := with(q.meet, "--presence-grace=0s")(t)
			c.tune = &tuning{actors: q.tune}
			return c
		},
	}
}

// asNode are arguments of a node that may stand still for a while.
func asNode(t *testing.T) []string {
	t.Helper()
	return []string{fmt.Sprint("--cluster-listen=127.0.0.1:", freePort(t)), "--cluster-lease=20s"}
}

// join starts another node of the server's cluster.
func (s *boundServer) join(t *testing.T, args ...string) *testServer {
	t.Helper()
	return serve(t, t.TempDir(), true, s.env, slices.Concat([]string{"--dev"}, asNode(t), args)...)
}

// viewOf is what a node acts under, and the node's own id.
func viewOf(t *testing.T, adminURL string) (v placement.View, self string) {
	t.Helper()
	code, body := get(t, adminURL+"/cluster")
	var c admin.Cluster
	if err := json.Unmarshal([]byte(body), &c); code != 200 || err != nil {
		t.Fatalf("%d %s %v", code, body, err)
	}
	var nodes []placement.Node
	for _, n := range c.Nodes {
		if n.State == placement.Active.String() {
			nodes = append(nodes, placement.Node{ID: n.ID, Address: n.Address, Since: n.Since})
		}
	}
	return placement.NewView(c.Generation, nodes), c.Self
}

// owned names n users or conversations that have that owner.
func owned(k locator.Kind, n int, owner func(id string) bool) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprint(k, i); owner(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// roomsOf names a conversation of each node.
func roomsOf(t *testing.T, s *boundServer, other *testServer) (own, others string) {
	t.Helper()
	s.await(t, `cluster_members{state="active"}`, 2)
	v, self := viewOf(t, s.admin)
	_, there := viewOf(t, other.admin)
	of := func(node string) string {
		return owned(locator.Conversation, 1, func(id string) bool { return v.Owner(byte(locator.Conversation), id) == node })[0]
	}
	return of(self), of(there)
}

// freeze has a node stand still, and returns when it does.
func freeze(t *testing.T, s *testServer) {
	t.Helper()
	s.signal(syscall.SIGSTOP)
	until(t, "the node stands still", func() bool {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		if err != nil {
			t.Fatal(err)
		}
		return pid > 0 && status.Stopped()
	})
}

// fillLink has the other node stand still and tells it what it has no room for.
func fillLink(t *testing.T, s *boundServer) string {
	other := s.join(t)
	own, others := roomsOf(t, s, other)
	ann, bob := connect(t, s.url, "ann", nil), connect(t, other.url, "bob", nil)
	if _, err := bob.call(wire.EventJoinConversation, object{"conversationId": own}); err != nil {
		t.Fatal(err)
	}
	freeze(t, other)
	for range 8 {
		say(t, ann, own, 300_000) // nothing waits in the sender
	}
	s.await(t, "cluster_outbox_left_out_total", 1)
	s.await(t, "cluster_link_queued_bytes", 500_000)
	told := fillWith(t, ann, others, 300_000)
	other.signal(syscall.SIGCONT)
	if reason := closedWith(t, bob, 1011); reason != "internal" {
		t.Errorf("who was to hear of it is closed with %q", reason)
	}
	return told
}

// fillWith sends messages of a size to a conversation until one is refused.
func fillWith(t *testing.T, c *client, room string, size int) (told string) {
	t.Helper()
	for {
		// Of the other node's there is no answer.
		id := ask(t, c, wire.EventSendMessage, text(room, size))
		beat := ask(t, c, wire.EventHeartbeat, object{})
		for answered := uint64(0); answered != beat; {
			f, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			var r refusal
			if f.Ack == id && json.Unmarshal(f.Data, &r) == nil {
				return string(r.Error.Code)
			}
			answered = f.Ack
		}
	}
}

// goAway ends a session: nobody waits for it to come back.
func goAway(t *testing.T, c *client) {
	t.Helper()
	if err := wsutil.WriteClientMessage(c.conn, ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, "")); err != nil {
		t.Error(err)
	}
}

func leaveBehindAFullLink(t *testing.T, s *boundServer) string {
	other := s.join(t)
	_, others := roomsOf(t, s, other)
	ann, bob := connect(t, s.url, "ann", nil), connect(t, s.url, "bob", nil)
	if _, err := bob.call(wire.EventJoinConversation, object{"conversationId": others}); err != nil {
		t.Fatal(err)
	}
	freeze(t, other)
	for _, size := range []int{300_000, 1000, 1} {
		if told := fillWith(t, ann, others, size); told != "overloaded" {
			t.Errorf("a message of %d bytes: %s", size, told)
		}
	}
	for n := range 30 { // half of them are the other node's, which hears that they have gone
		goAway(t, connect(t, s.url, fmt.Sprint("user", n), nil))
	}
	goAway(t, bob)
	s.await(t, "cluster_outbox_waiting", 1)
	other.signal(syscall.SIGCONT)
	until(t, "what waits is sent", func() bool { return s.value(t, "cluster_outbox_waiting") == 0 })
	return "waits in the outbox and is sent when there is room"
}

// crowdThePort opens connections to the cluster port and says nothing.
func crowdThePort(t *testing.T, s *boundServer) string {
	v, self := viewOf(t, s.admin)
	me, _ := v.Node(self)
	first := dialTCP(t, "http://"+me.Address)
	for range 128 {
		dialTCP(t, "http://"+me.Address)
	}
	_ = first.SetReadDeadline(time.Now().Add(4 * time.Second)) // before its own time is over
	if _, err := first.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("reading from the oldest: %v", err)
	}
	for limit := time.Now().Add(patience); s.value(t, `cluster_port_refused_total{reason="stranger"}`) == 0 && time.Now().Before(limit); {
		time.Sleep(10 * time.Millisecond) // it is closed first, and counted then
	}
	return "the address that has most of them loses its oldest one"
}

// askForTooMuch asks for a message that no client could have sent.
func askForTooMuch(server *repotest.Server) func(t *testing.T, s *boundServer) string {
	return func(t *testing.T, s *boundServer) string {
		other := s.join(t)
		own, _ := roomsOf(t, s, other)
		ann, bob := connect(t, other.url, "ann", nil), connect(t, other.url, "bob", nil)
		say(t, ann, own, 1)
		name, _, _ := strings.Cut(s.env[0][strings.LastIndex(s.env[0], "/")+1:], "?")
		if _, err := server.Admin(t).Exec("UPDATE " + name + ".corrillo_message SET content = REPEAT('x', 9000000)"); err != nil {
			t.Fatal(err)
		}
		_, err := ann.call(wire.EventGetHistory, object{"conversationId": own})
		if _, err := bob.call(wire.EventHeartbeat, object{}); err != nil {
			t.Errorf("somebody else on that node: %v", err)
		}
		return string(codeOf(err))
	}
}

// gain has the server gain conversations of a node that leaves, while another one
// does not say that it has let go of what it lost. go lets it.
func gain(t *testing.T, s *boundServer, n int) (rooms []string, goOn func()) {
	t.Helper()
	var stands atomic.Bool
	slow := boundCase{env: s.env, log: slog.NewTextHandler(t.Output(), nil), tune: &tuning{actors: func(o *actors.Options) {
		send := o.Cluster.Send
		o.Cluster.Send = func(node string, item []byte) error {
			if stands.Load() {
				return actors.ErrOverloaded
			}
			return send(node, item)
		}
	}}}
	serveHere(t, t.TempDir(), &slow, append([]string{"--dev"}, asNode(t)...)...)
	leaves := s.join(t)
	_, gone := viewOf(t, leaves.admin)
	members := s.value(t, `cluster_members{state="active"}`)
	before, self := viewOf(t, s.admin)
	var after []placement.Node
	for _, m := range before.Nodes {
		if m.ID != gone {
			after = append(after, m)
		}
	}
	v := placement.NewView(before.Generation+1, after)
	const kind = byte(locator.Conversation)
	rooms = owned(locator.Conversation, n, func(id string) bool { return before.Owner(kind, id) == gone && v.Owner(kind, id) == self })
	stands.Store(true)
	leaves.signal(syscall.SIGTERM)
	until(t, "it leaves", func() bool { return s.value(t, `cluster_members{state="active"}`) == members-1 })
	return rooms, func() { stands.Store(false) }
}

func holdForOne(t *testing.T, s *boundServer) string {
	asks := s.join(t, "--limits=off")
	rooms, goOn := gain(t, s, 1)
	defer goOn()
	ann := connect(t, asks.url, "ann", nil)
	history := func() { ask(t, ann, wire.EventGetHistory, object{"conversationId": rooms[0]}) }
	history()
	s.await(t, "cluster_held_messages", 1) // from here on it does not wait where it is asked
	for range 4096 {
		history()
	}
	s.await(t, "cluster_commands_refused_total", 1)
	return refusalOf(t, ann)
}

func holdForAll(t *testing.T, s *boundServer) string {
	rooms, goOn := gain(t, s, 8)
	defer goOn()
	ann := connect(t, s.url, "ann", nil)
	for i := range 68 {
		ask(t, ann, wire.EventSendMessage, text(rooms[i%len(rooms)], 1_000_000))
	}
	s.await(t, "cluster_held_bytes", 60<<20)
	return refusalOf(t, ann)
}

// comeBackElsewhere comes back at this node with the session of one that stands
// still.
func comeBackElsewhere(t *testing.T, s *boundServer) string {
	other := s.join(t)
	s.await(t, `cluster_members{state="active"}`, 2)
	_, first := welcomed(t, other.url, "/ws")
	freeze(t, other)
	defer other.signal(syscall.SIGCONT)
	if _, again := welcomed(t, s.url, "/ws?pid="+first.PID); again.Recovered || again.PID == first.PID {
		t.Errorf("it is greeted with %+v", again)
	}
	return "gets a new session"
}

// keepForPeople has people write to each other while a node does not say whether
// they are there as well.
func keepForPeople(t *testing.T, s *boundServer) string {
	other := s.join(t)
	s.await(t, `cluster_members{state="active"}`, 2)
	v, self := viewOf(t, s.admin)
	const kind = byte(locator.Conversation)
	bob := owned(locator.User, 1, func(id string) bool { return v.Owner(kind, wire.DirectID("ann", id)) == self })[0]
	ann := connect(t, s.url, "ann", nil)
	write := func(size int) {
		m := text("", size)
		delete(m, "conversationId")
		m["receiverId"] = bob
		if _, err := ann.call(wire.EventSendMessage, m); err != nil {
			t.Fatal(err)
		}
	}
	blind := func() float64 { return s.value(t, "cluster_blind_items_total") }
	until(t, "the other node has said who is there", func() bool {
		before := blind()
		write(1)
		return blind() == before
	})
	freeze(t, other)
	defer other.signal(syscall.SIGCONT)
	write(1)
	s.await(t, "cluster_kept_messages", 1)
	before := blind()
	for range 10 {
		write(900_000)
	}
	until(t, "the other node gets all", func() bool {
		write(1)
		return blind() > before
	})
	return "gets all of it"
}

func askWhoIsThere(t *testing.T, s *boundServer) string {
	other := s.join(t)
	s.await(t, `cluster_members{state="active"}`, 2)
	v, _ := viewOf(t, s.admin)
	_, there := viewOf(t, other.admin)
	users := owned(locator.User, 1, func(id string) bool { return v.Owner(byte(locator.User), id) == there })
	ann := connect(t, s.url, "ann", nil)
	freeze(t, other)
	defer other.signal(syscall.SIGCONT)
	_, err := ann.call(wire.EventGetPresence, object{"userIds": users})
	return string(codeOf(err))
}
