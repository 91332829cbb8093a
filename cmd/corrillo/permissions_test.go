package main

import (
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/corrillo/corrillo/wire"
)

// permission is one event, and the code that everyone gets who may try it:
// nobody has not identified, the stranger has nothing to do with the
// conversation, the former member was removed from it by the back end.
type permission struct {
	event, how string
	payload    any

	nobody, stranger, former, member wire.Code
}

// aside: there is nothing to be refused, it is that user's own affair.
const aside wire.Code = "aside"

// as gives one column of the table.
func as(table []permission, column func(permission) wire.Code) []attempt {
	var list []attempt
	for _, p := range table {
		if want := column(p); want != aside {
			list = append(list, attempt{p.how, p.event, p.payload, want})
		}
	}
	return list
}

// permissions is the table: every event of docs/PROTOCOL.md, in every way that
// addresses something of others.
func (f *fortress) permissions() []permission {
	const (
		nobody   = wire.CodeNotIdentified
		closed   = wire.CodeForbidden
		notFound = wire.CodeNotFound
	)
	outside := closed // of a room for who is no member of it
	elsewhere := closed
	if f.mode == "open" {
		outside, elsewhere = aside, notFound
	}
	room, direct := object{"conversationId": "room"}, object{"conversationId": f.direct}
	table := slices.Concat(
		about("a room", room, f.roomMsg, outside, granted),
		about("a direct conversation", direct, f.dmMsg, closed, granted),
		about("a direct conversation and one of its people", object{"conversationId": f.direct, "receiverId": "ann"}, f.dmMsg, closed, granted),
		about("a direct conversation by the word for it", object{"conversationId": f.direct, "userId": "ann", "directId": f.direct}, f.dmMsg, closed, granted),
		about("a direct conversation in capitals", object{"conversationId": "dm:" + strings.ToUpper(f.direct[3:])}, f.dmMsg, closed, closed),
		about("no such direct conversation", object{"conversationId": "dm:nothing"}, f.dmMsg, closed, closed),
		about("a person", object{"receiverId": "ann"}, f.dmMsg, aside, aside),
		[]permission{
			{"identify", "as another", object{"userId": "ann"}, wire.CodeUnauthorized, closed, closed, closed},
			{"identify", "by a bare id", "ann", wire.CodeUnauthorized, closed, closed, closed},
			{"heartbeat", "", object{}, granted, granted, granted, granted},
			{"join_conversation", "by a bare id", "room", nobody, outside, closed, granted},
			{"typing", "by a bare id", "room", nobody, outside, closed, granted},
			{"leave_conversation", "not joined", room, nobody, granted, granted, granted},
			{"leave_conversation", "by a bare id", f.direct, nobody, granted, granted, granted},
			{"get_conversations", "", object{}, nobody, granted, granted, granted},
			{"get_presence", "", object{"userIds": []string{"ann", "bob"}}, nobody, granted, granted, granted},
			{"send_message", "as another, in another's room", object{"conversationId": "own", "content": "x", "senderId": "ann"}, nobody, closed, closed, closed},
			{"send_message", "as another, to a person", object{"receiverId": "carl", "content": "x", "senderId": "ann"}, nobody, closed, closed, closed},
			{"mark_read", "by message alone", object{"messageId": f.roomMsg}, nobody, outside, closed, granted},
			{"read_message", "by a bare id", f.roomMsg, nobody, outside, closed, granted},
			{"edit_message", "by message alone", object{"messageId": f.roomMsg, "content": "y"}, nobody, closed, closed, closed},
			{"delete_message", "by message alone", object{"messageId": f.roomMsg}, nobody, closed, closed, closed},
			{"mark_read", "by direct message alone", object{"messageId": f.dmMsg}, nobody, closed, closed, granted},
			{"read_message", "by direct message alone", f.dmMsg, nobody, closed, closed, granted},
			{"edit_message", "by direct message alone", object{"messageId": f.dmMsg, "content": "y"}, nobody, closed, closed, closed},
			{"delete_message", "by direct message alone", object{"messageId": f.dmMsg}, nobody, closed, closed, closed},
			{"edit_message", "bob's", object{"messageId": f.bobMsg, "content": "y"}, nobody, closed, closed, granted},
			{"delete_message", "bob's", object{"messageId": f.bobMsg}, nobody, closed, closed, granted},
			{"mark_read", "no such message", object{"messageId": "nope"}, nobody, notFound, notFound, notFound},
			{"read_message", "no such message", "nope", nobody, notFound, notFound, notFound},
			{"edit_message", "no such message", object{"messageId": "nope", "content": "y"}, nobody, notFound, notFound, notFound},
			{"delete_message", "no such message", object{"messageId": "nope"}, nobody, notFound, notFound, notFound},
			{"call_answer", "a name that nobody listed", room, wire.CodeInvalidPayload, wire.CodeInvalidPayload, wire.CodeInvalidPayload, wire.CodeInvalidPayload},
		})
	for _, id := range []string{f.roomMsg, f.dmMsg} { // named in a room of the stranger's
		own := object{"conversationId": "own", "messageId": id, "content": "y"}
		for _, event := range []string{"mark_read", "edit_message", "delete_message"} {
			table = append(table, permission{event, "another's message in one's own room", own, nobody, notFound, elsewhere, elsewhere})
		}
	}
	for _, event := range wire.ServerEvents() {
		if !slices.Contains(wire.ClientEvents(), event) {
			bad := wire.CodeInvalidPayload
			table = append(table, permission{event, "a name of the server's", room, bad, bad, bad, bad})
		}
	}
	return table
}

// about lists what can be asked about one conversation of ann's, with a message
// of hers. Some of it is for nobody but her.
func about(what string, address object, messageID string, stranger, member wire.Code) []permission {
	former, hers := stranger, wire.CodeForbidden
	switch {
	case stranger == aside && member == aside: // who writes to a person begins a conversation of one's own
		hers = aside
	case stranger == aside:
		former = wire.CodeForbidden
	}
	cursor := member
	if member == granted {
		cursor = wire.CodeInvalidPayload // for this is none
	}
	var list []permission
	row := func(event, how string, more object, stranger, former, member wire.Code) {
		payload := object{}
		for _, part := range []object{address, more} {
			for k, v := range part {
				payload[k] = v
			}
		}
		list = append(list, permission{event, strings.TrimSpace(what + " " + how), payload, wire.CodeNotIdentified, stranger, former, member})
	}
	row("join_conversation", "from the first", object{"afterSeq": 0, "afterRev": 0}, stranger, former, member)
	row("send_message", "", object{"content": "x", "tempId": what}, stranger, former, member)
	row("send_message", "as ann", object{"content": "x", "senderId": "ann"}, hers, hers, hers)
	row("typing", "", nil, stranger, former, member)
	row("typing", "no more", object{"isTyping": false}, stranger, former, member)
	row("mark_read", "by seq", object{"seq": 1}, stranger, former, member)
	row("mark_read", "by id", object{"messageId": messageID}, stranger, former, member)
	row("read_message", "by seq", object{"seq": 1}, stranger, former, member)
	row("edit_message", "", object{"messageId": messageID, "content": "y"}, hers, hers, hers)
	row("delete_message", "", object{"messageId": messageID}, hers, hers, hers)
	row("get_history", "", nil, stranger, former, member)
	row("get_history", "from the first", object{"afterSeq": 0}, stranger, former, member)
	row("get_members", "", nil, stranger, former, member)
	row("get_members", "with a cursor", object{"cursor": "AAAAAAAA"}, stranger, former, cursor)
	row(callOffer, "", object{"sdp": "v=0"}, stranger, former, member)
	row(callOffer, "as ann", object{"senderId": "ann"}, stranger, former, member)
	return list
}

// TestAuthz tries every event of the protocol as everyone, in every mode of
// membership. What is refused is refused with its code, nothing of it is
// stored, and nobody hears of it.
func TestAuthz(t *testing.T) {
	for _, mode := range []string{"open", "members", "query"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f := build(t, mode)
			table := f.permissions()
			isComplete(t, table)
			before := f.stored()
			ended := f.tryAsEnded(table)
			f.tryAsNobody(table)
			f.try("stranger", f.user("stranger"), as(table, func(p permission) wire.Code { return p.stranger }))
			f.try("former", f.former, as(table, func(p permission) wire.Code { return p.former }))
			member := as(table, func(p permission) wire.Code { return p.member })
			f.try("member", f.user("bob"), slices.DeleteFunc(slices.Clone(member), func(a attempt) bool { return a.want == granted }))
			ended.Wait()
			f.nothingHappened(before)
			f.must(f.former, "heartbeat", object{}) // behind whatever was told
			if len(f.told) > 0 {
				t.Errorf("who was removed is told %q", f.told)
			}
			// What is not refused to bob, he can do.
			f.try("member", f.user("bob"), slices.DeleteFunc(member, func(a attempt) bool { return a.want != granted }))
			for _, e := range f.listener.until(t, "message_deleted") {
				if name, data, _ := strings.Cut(e, " "); name == callOffer && !strings.HasPrefix(data, `{"senderId":"bob"`) {
					t.Errorf("passed on from bob: %s", e)
				}
			}
			if log := f.output.String(); strings.Contains(log, `"level":"ERROR"`) || strings.Contains(log, "panic") {
				t.Errorf("the log:\n%s", log)
			}
		})
	}
}

// tryAsNobody asks for everything without having said who it is, and with a
// token that is not good any more.
func (f *fortress) tryAsNobody(table []permission) {
	f.t.Helper()
	expired := f.expiredToken("ann")
	var wg sync.WaitGroup
	// Each event waits for an identify that does not come: they are tried side
	// by side.
	for _, a := range as(table, func(p permission) wire.Code { return p.nobody }) {
		nobody, past := f.nobody(), f.nobody()
		wg.Go(func() { f.try("nobody", nobody, []attempt{a}) })
		wg.Go(func() {
			f.try("whose token has expired", past, []attempt{
				{"with a token that has expired", "identify", object{"userId": "ann", "token": expired}, wire.CodeTokenExpired}, a,
			})
		})
	}
	wg.Wait()
}

// tryAsEnded tries the table on connections of members of the room that the
// server ends: the token of one expires, the other is revoked.
func (f *fortress) tryAsEnded(table []permission) *sync.WaitGroup {
	f.t.Helper()
	var trying sync.WaitGroup
	connect := func(token string) (c *client, pid string) {
		c, err := dial(f.t.Context(), &clientFlags{URL: f.url, Token: token}, func(event string, data json.RawMessage) error {
			var welcome struct{ PID string }
			if event != "welcome" {
				return nil
			}
			err := json.Unmarshal(data, &welcome)
			pid = welcome.PID
			return err
		})
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(c.close)
		f.must(c, "get_history", object{"conversationId": "room"})
		return c, pid
	}
	late, pid := connect(f.token("late", "--ttl=5s"))
	trying.Go(func() { f.tryEnded("whose token has expired", late, "unauthorized", table, pid, "") })
	token := f.token("revoked")
	revoked, pid := connect(token)
	if answer := f.hook("revoke", object{"userId": "revoked"}); answer != `{"closed":1}` {
		f.t.Errorf("revoke: %s", answer)
	}
	trying.Go(func() { f.tryEnded("who was revoked", revoked, "session_revoked", table, pid, token) })
	return &trying
}

// tryEnded asks for everything on a connection that the server closes, in the
// time that the client has to answer the close, and tries to recover it.
func (f *fortress) tryEnded(who string, c *client, reason string, table []permission, pid, token string) {
	f.t.Helper()
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	for closed := ""; closed == ""; {
		var err error
		if _, closed, err = nextFrame(c.in); err != nil {
			f.t.Errorf("%s: not closed in order: %v", who, err)
			return
		}
		if closed != "" && closed != "1008 "+reason {
			f.t.Errorf("%s: closed with %s", who, closed)
		}
	}
	for i, p := range table {
		out, err := json.Marshal(object{"event": p.event, "data": p.payload, "id": 1000 + i})
		if err == nil {
			err = wsutil.WriteClientText(c.conn, out)
		}
		if err != nil {
			f.t.Errorf("%s: %v", who, err)
			return
		}
	}
	if err := ws.WriteFrame(c.conn, ws.MaskFrameInPlace(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))); err != nil {
		f.t.Errorf("%s: %v", who, err)
	}
	for {
		text, _, err := nextFrame(c.in)
		if err != nil {
			break
		}
		f.t.Errorf("%s: answered after the close: %s", who, text)
	}
	f.notRecovered(who, pid, token)
}

// notRecovered tries to take a session up again that has ended for good.
func (f *fortress) notRecovered(who, pid, token string) {
	f.t.Helper()
	header := ws.HandshakeHeaderString("")
	if token != "" {
		header = ws.HandshakeHeaderString("Authorization: Bearer " + token + "\r\n")
	}
	d := ws.Dialer{Header: header}
	conn, early, _, err := d.Dial(f.t.Context(), "ws"+strings.TrimPrefix(f.url, "http")+"/ws?pid="+pid)
	if err != nil || pid == "" {
		f.t.Errorf("%s: session %q: %v", who, pid, err)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	in := io.Reader(conn)
	if early != nil {
		in = io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn)
	}
	if text, _, err := nextFrame(in); err != nil || !strings.Contains(text, `"recovered":false`) {
		f.t.Errorf("%s: comes back with %s %v", who, text, err)
	}
}

var quotedName = regexp.MustCompile("`([a-z_]+)`")

// documented are the names in the first column of a section's table of
// docs/PROTOCOL.md.
func documented(t *testing.T, section string) []string {
	t.Helper()
	_, rest, ok := strings.Cut(protocol(t), "\n## "+section+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	rest, _, _ = strings.Cut(rest, "\n### ")
	var names []string
	for line := range strings.Lines(rest) {
		if row, ok := strings.CutPrefix(line, "| "); ok {
			cell, _, _ := strings.Cut(row, " | ")
			for _, m := range quotedName.FindAllStringSubmatch(cell, -1) {
				names = append(names, m[1])
			}
		}
	}
	if !ok || len(names) == 0 {
		t.Fatalf("docs/PROTOCOL.md has no table of %s", section)
	}
	return names
}

func protocol(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// isComplete fails when the protocol has an event that the table lacks.
func isComplete(t *testing.T, table []permission) {
	t.Helper()
	names := slices.Concat(documented(t, "Events from the client"), documented(t, "Events from the server"),
		wire.ClientEvents(), wire.ServerEvents(), []string{callOffer})
	for _, name := range names {
		if !slices.ContainsFunc(table, func(p permission) bool { return p.event == name }) {
			t.Errorf("the table lacks %s", name)
		}
	}
}
