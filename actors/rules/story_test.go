package rules_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

var update = flag.Bool("update", false, "write what the stories in testdata do now into them")

// TestConversation_Stories plays testdata/*.txt. A story is prose (#) and
// steps (>), each followed by what the step wants done. testdata/README
// explains the words.
func TestConversation_Stories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(old))
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(old, got) {
				t.Errorf("the story goes differently now (-update rewrites it):\n%s", diff(string(old), string(got)))
			}
		})
	}
}

// play returns the story with the outcome of each step as it is now.
func play(t *testing.T, text string) []byte {
	var out bytes.Buffer
	s := &story{t: t}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, ">"):
			out.WriteString(line + "\n")
			out.WriteString(s.do(words(strings.TrimPrefix(line, ">"))))
		case line == "" || strings.HasPrefix(line, "#"):
			out.WriteString(line + "\n")
		}
	}
	return out.Bytes()
}

// words splits a line at spaces, but for those within double quotes.
func words(line string) []string {
	var all []string
	quoted := false
	for _, w := range strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	}) {
		all = append(all, strings.ReplaceAll(w, `"`, ""))
	}
	return all
}

type story struct {
	t *testing.T
	r *rig
}

func (s *story) do(w []string) string {
	opt := map[string]string{}
	var pos []string
	for _, x := range w[1:] {
		if k, v, ok := strings.Cut(x, "="); ok {
			opt[k] = v
		} else {
			pos = append(pos, x)
		}
	}
	switch w[0] {
	case "conversation":
		s.open(pos[0], opt)
		return ""
	case "wait":
		d, err := time.ParseDuration(pos[0])
		if err != nil {
			s.t.Fatal(err)
		}
		s.r.now = s.r.now.Add(d)
		return ""
	case "store":
		s.store(pos[0], opt)
		return ""
	case "idle?":
		joined, pending := s.r.c.Stats()
		return fmt.Sprintf("  idle=%v joined=%d pending=%d\n", s.r.c.Idle(), joined, pending)
	case "abandon":
		s.r.flying = nil
		return s.render(s.r.c.Abandon(wire.Errorf(wire.CodeInternal, "the actor failed")))
	case "saved":
		return s.render(s.saved(pos))
	case "activated":
		if len(pos) > 0 {
			return s.render(s.r.step(&message.Activated{Err: fmt.Errorf("activate: %w", repo.ErrUnavailable)}))
		}
		return s.render(s.r.warm())
	}
	return s.render(s.r.step(s.command(w[0], pos, opt)))
}

func (s *story) open(id string, opt map[string]string) {
	o := rules.Options{BroadcastLimit: num(opt["limit"], 0), GroupRows: num(opt["rows"], 0)}
	o.Membership = map[string]rules.Membership{"members": rules.MembershipMembers, "query": rules.MembershipQuery}[opt["membership"]]
	o.DirectShared = opt["direct"] == "shared"
	if a, b, ok := strings.Cut(id, "+"); ok {
		id = wire.DirectID(a, b)
	}
	s.r = newRig(s.t, id, o)
}

func (s *story) store(what string, opt map[string]string) {
	switch what {
	case "has":
		s.r.table.fill(num(opt["messages"], 0))
		for u := range strings.SplitSeq(opt["participants"], ",") {
			if u != "" {
				s.r.table.add(u)
			}
		}
		for u := range strings.SplitSeq(opt["owners"], ",") {
			if u != "" {
				s.r.table.add(u)
				s.r.table.people[u].Role = "owner"
			}
		}
		for u := range strings.SplitSeq(opt["removed"], ",") {
			if u != "" {
				s.r.table.add(u)
				s.r.table.people[u].RemovedAt = start
			}
		}
	case "refuses":
		s.r.table.poison = opt["content"]
	case "activates": // for another node
		s.r.table.activate()
	case "commits": // and the answer is lost
		s.r.table.save(s.r.flying)
	}
}

func (s *story) saved(pos []string) *rules.Ready {
	if len(pos) == 0 {
		return s.r.save()
	}
	return s.r.fail(map[string]error{
		"fenced": repo.ErrFenced, "unavailable": repo.ErrUnavailable, "overloaded": message.ErrOverloaded,
	}[pos[0]])
}

func (s *story) command(name string, pos []string, opt map[string]string) any {
	var o message.Origin
	if n, ok := strings.CutPrefix(pos[0], "call"); ok {
		o = backEnd(num(n, 1))
		o.UserID = opt["from"]
	} else {
		o = client(pos[0])
	}
	o.PeerID, o.Claimed = opt["to"], opt["claim"] == "yes"
	id := opt["id"]
	switch name {
	case "join":
		return &message.Join{Origin: o, AfterSeq: int64(num(opt["afterSeq"], -1)), AfterRev: int64(num(opt["afterRev"], -1))}
	case "leave":
		return &message.Leave{Origin: o}
	case "closed":
		return &message.SessionClosed{Session: o.Session}
	case "post":
		m := s.r.postBy(o, pos[1], opt["temp"])
		if id != "" {
			m.Message.ID = id
		}
		m.Message.ReceiverID = opt["receiver"]
		return m
	case "typing":
		return &message.SetTyping{Origin: o, IsTyping: pos[1] == "on"}
	case "read":
		return &message.MarkRead{Origin: o, MessageID: id, Seq: int64(num(opt["seq"], 0))}
	case "edit":
		return &message.EditMessage{Origin: o, MessageID: id, Content: pos[1], At: s.r.now}
	case "delete":
		return &message.DeleteMessage{Origin: o, MessageID: id, At: s.r.now}
	case "history":
		return &message.GetHistory{Origin: o, BeforeSeq: -1, AfterSeq: -1, Limit: 50}
	case "members":
		return &message.GetMembers{Origin: o, Limit: num(opt["limit"], 50), Cursor: opt["cursor"]}
	case "pass":
		return &message.PassEvent{Origin: o, Event: pos[1], Data: []byte(`{"senderId":"` + o.UserID + `"}`)}
	case "membership":
		return &message.ChangeMembership{Origin: o, Add: list(opt["add"]), Remove: list(opt["remove"]), At: s.r.now}
	case "presence":
		return &message.PresenceChanged{UserID: pos[0], Status: wire.PresenceStatus{Online: pos[1] == "online"}}
	case "checked":
		m := &message.MembershipChecked{UserID: pos[0], Member: pos[1] == "yes"}
		if pos[1] == "error" {
			m.Err = errors.New("no answer")
		}
		return m
	case "found":
		return s.found(id, pos[0])
	case "tick":
		return &message.Tick{}
	}
	s.t.Fatalf("unknown word %q", name)
	return nil
}

func (s *story) found(id, how string) *message.MessageFound {
	l := s.r.lookups[0]
	s.r.lookups = s.r.lookups[1:]
	m := &message.MessageFound{Lookup: l.ID, Err: repo.ErrNotFound}
	for _, row := range s.r.table.messages {
		if row.ID == l.MessageID || l.MessageID == "" && row.Seq == l.Seq {
			m.Message, m.Err = row, nil
		}
	}
	switch how {
	case "elsewhere":
		m.Message, m.Err = repo.Message{ID: id, ConversationID: "another", Seq: 1}, nil
	case "error":
		m.Err = repo.ErrUnavailable
	}
	return m
}

func num(s string, missing int) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return missing
	}
	return n
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// diff shows the lines around the first one that differs.
func diff(old, now string) string {
	a, b := strings.Split(old, "\n"), strings.Split(now, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	show := func(l []string) string { return strings.Join(l[max(0, min(i-4, len(l))):min(len(l), i+6)], "\n") }
	return "--- was\n" + show(a) + "\n--- is\n" + show(b)
}
