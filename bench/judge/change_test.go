package judge

import (
	"slices"
	"testing"
)

// changes are those that an honest story has behind its message n.
func (s *story) changes(n uint32) {
	switch n {
	case 2:
		s.revise(0, 1, 1, ann, bob, eve)
	case 5:
		s.revise(1, 2, 1, ann, bob)
	case 7:
		s.revise(0, 3, 2, ann, bob)
	}
}

// revise has the author of message n change it; it is stored, acked and told to
// those who are there.
func (s *story) revise(n, rev uint32, v Version, there ...uint32) {
	k := keyOf(n)
	s.tell(k.Sender, 1, Changing, k, 0)
	s.last().Version = v
	s.tell(k.Sender, 1, Changed, k, n+1)
	s.last().Version = v
	if v != Gone {
		s.last().Rev = rev
	}
	s.store(n, rev, v)
	for _, client := range there {
		conn := uint32(1)
		if client == eve && rev > 1 {
			conn = 2
		}
		s.hear(client, conn, ChangeHeard, n, rev, v)
	}
}

func (s *story) store(n, rev uint32, v Version) {
	t := &s.Tables[0]
	t.States[n].Rev, t.States[n].Version = rev, v
	t.LastRev = max(t.LastRev, rev)
}

func (s *story) hear(client, conn uint32, how Kind, n, rev uint32, v Version) {
	s.tell(client, conn, how, keyOf(n), n+1)
	s.last().Rev, s.last().Version = rev, v
}

func (s *story) last() *Record { return &s.Records[len(s.Records)-1] }

// rev finds a client's record of a rev.
func (s *story) rev(client uint32, kind Kind, rev uint32) int {
	return slices.IndexFunc(s.Records, func(r Record) bool { return r.Client == client && r.Kind == kind && r.Rev == rev })
}

func (s *story) dropRev(client uint32, kind Kind, rev uint32) {
	at := s.rev(client, kind, rev)
	s.Records = slices.Delete(s.Records, at, at+1)
}

// unhear takes a change back from everyone's eyes.
func (s *story) unhear(rev uint32) {
	s.Records = slices.DeleteFunc(s.Records, func(r Record) bool {
		return r.Rev == rev && (r.Kind == ChangeHeard || r.Kind == ChangeFetched)
	})
}

// unanswer takes back the answers to a version.
func (s *story) unanswer(n uint32, v Version) {
	s.Records = slices.DeleteFunc(s.Records, func(r Record) bool { return r.Kind == Changed && r.Key == keyOf(n) && r.Version == v })
}

// redone has the author of message n send a version once more, which is done once
// more.
func (s *story) redone(n, rev uint32, v Version) {
	s.unanswer(n, v)
	s.revise(n, rev, v, ann, bob, eve)
}

func TestTrial_FindsNothingInFaithfulChanges(t *testing.T) {
	for name, forge := range map[string]func(s *story){
		"done and never answered":                 func(s *story) { s.unanswer(3, Gone) },
		"never answered, and done once more":      func(s *story) { s.redone(0, 5, 2) },
		"never answered, and never done":          func(s *story) { s.tell(ann, 1, Changing, keyOf(4), 0); s.last().Version = 1 },
		"done twice, and told once":               func(s *story) { s.unhear(3); s.redone(0, 5, 2); s.sent(0, 2) },
		"twice by a node, of which nobody heard":  func(s *story) { s.Retold = true; s.renumber(4, 5) },
		"changed again before it could be told":   func(s *story) { s.dropRev(bob, ChangeHeard, 1); s.sent(0, 2) },
		"a message that comes as it was edited":   func(s *story) { r := s.record(ann, Received, 2); r.Rev, r.Version = 2, 1 },
		"a connection that is recovered":          func(s *story) { s.recover(bob, 7) },
		"two pages":                               func(s *story) { s.inTwoPages() },
		"changed to the same when all were gone":  func(s *story) { s.store(0, 5, 2) },
		"recovered while its join was on its way": func(s *story) { s.recover(bob, 1); s.drop(bob, Joined, 0) },
	} {
		s := faithful()
		forge(s)
		if v, _ := s.Judge(); !v.OK() {
			t.Errorf("%s: broken: %v", name, v.Examples)
		}
	}
}

// sent has a version sent before anything else happened, for the first time.
func (s *story) sent(n uint32, v Version) {
	for i := range s.Records {
		if r := &s.Records[i]; r.Kind == Changing && r.Key == keyOf(n) && r.Version == v {
			r.At = 0
		}
	}
}

// renumber gives a change another rev, everywhere.
func (s *story) renumber(from, to uint32) {
	for i := range s.Records {
		if r := &s.Records[i]; r.Rev == from {
			r.Rev = to
		}
	}
	t := &s.Tables[0]
	for i := range t.States {
		if t.States[i].Rev == from {
			t.States[i].Rev = to
		}
	}
	t.LastRev = max(t.LastRev, to)
}

// inTwoPages has eve's join say less at once, so that she asks on.
func (s *story) inTwoPages() {
	at := s.rev(eve, ChangeFetched, 3)
	again := *s.record(eve, Joined, 8)
	again.N = 2
	s.Records = slices.Insert(s.Records, at, again)
}

// TestTrial_FindsEachBrokenChange takes the promises of edits and deletions
// back, one after the other.
func TestTrial_FindsEachBrokenChange(t *testing.T) {
	for _, c := range []struct {
		name  string
		forge func(s *story)
		want  []Rule
	}{
		{"an ack that no commit stands behind", func(s *story) { s.unhear(3); s.store(0, 1, 1) }, []Rule{ChangeMissed, ChangeNotStored, ChangeSkipped}},
		{"an ack of the last change, which nobody heard of", func(s *story) { s.unhear(4); s.store(3, 0, 0); s.Tables[0].LastRev = 3 }, []Rule{ChangeNotStored}},
		{"one that was told and is not stored", func(s *story) {
			s.unanswer(3, Gone)
			s.store(3, 0, 0)
		}, []Rule{ChangeMissed, ChangeNotStored}},
		{"an edit that a node does again, and undoes the next one with", func(s *story) { s.store(0, 5, 1) }, []Rule{ChangeMissed, ChangeNotStored, ChangeUndone}},
		{"the same, and everybody hears of it", func(s *story) {
			s.store(0, 5, 1)
			s.hear(ann, 1, ChangeHeard, 0, 5, 1)
			s.hear(bob, 1, ChangeHeard, 0, 5, 1)
			s.hear(eve, 2, ChangeHeard, 0, 5, 1)
		}, []Rule{ChangeNotStored, ChangeUndone}},
		{"a content that nobody wrote", func(s *story) { s.store(5, 5, Strange) }, []Rule{ChangeInvented, ChangeMissed}},
		{"a content that nobody wrote, without a rev", func(s *story) { s.Tables[0].States[5].Version = 1 }, []Rule{ChangeInvented, ChangeMissed}},
		{"two with one rev", func(s *story) { s.store(1, 3, 1) }, []Rule{ChangeDiffers}},
		{"two that are told with one rev", func(s *story) { s.Records[s.rev(bob, ChangeHeard, 3)].Version = 1 }, []Rule{ChangeDiffers, ChangeMissed}},
		{"a rev that nobody has", func(s *story) { s.renumber(4, 5) }, []Rule{RevGap}},
		{"a count beyond the changes", func(s *story) { s.Tables[0].LastRev = 5 }, []Rule{RevGap}},
		{"a count below them", func(s *story) { s.Tables[0].LastRev = 3 }, []Rule{RevGap}},
		{"one that bob is not told", func(s *story) { s.dropRev(bob, ChangeHeard, 2) }, []Rule{ChangeSkipped}},
		{"the last one, that eve is not told", func(s *story) { s.dropRev(eve, ChangeHeard, 4) }, []Rule{ChangeMissed}},
		{"one that bob is not told, and changed again only later", func(s *story) { s.dropRev(bob, ChangeHeard, 1) }, []Rule{ChangeSkipped}},
		{"one that a join does not bring", func(s *story) { s.dropRev(eve, ChangeFetched, 2) }, []Rule{ChangeMissed, ChangeSkipped}},
		{"the last one of a join's", func(s *story) { s.dropRev(eve, ChangeFetched, 3) }, []Rule{ChangeMissed, ChangeSkipped}},
		{"a recovery that forgets one", func(s *story) { s.recover(bob, 7); s.dropRev(bob, ChangeHeard, 3) }, []Rule{ChangeMissed, ChangeSkipped}},
		{"a second page that forgets one", func(s *story) { s.inTwoPages(); s.dropRev(eve, ChangeFetched, 3) }, []Rule{ChangeMissed, ChangeSkipped}},
		{"one twice", func(s *story) {
			at := s.rev(bob, ChangeHeard, 3)
			s.Records = slices.Insert(s.Records, at, s.Records[at])
		}, []Rule{ChangeOrder}},
		{"two the wrong way round", func(s *story) {
			i, j := s.rev(bob, ChangeHeard, 2), s.rev(bob, ChangeHeard, 3)
			s.Records[i], s.Records[j] = s.Records[j], s.Records[i]
		}, []Rule{ChangeOrder, ChangeSkipped}},
		{"one live that the join had brought", func(s *story) { s.hear(eve, 2, ChangeHeard, 0, 3, 2) }, []Rule{ChangeOrder}},
		{"a join that brings what was known", func(s *story) {
			r := s.Records[s.rev(ann, ChangeHeard, 1)]
			r.Client, r.Conn, r.Kind = eve, 2, ChangeFetched
			s.Records = slices.Insert(s.Records, s.rev(eve, ChangeFetched, 2), r)
		}, []Rule{ChangeOrder}},
		{"one before the join's answer", func(s *story) {
			at := s.at(eve, Joined, 8)
			s.Records = slices.Insert(s.Records, at, Record{ID: s.ids[keyOf(0)], Client: eve, Conn: 2, Kind: ChangeHeard, Rev: 3, Version: 2})
		}, []Rule{BeforeJoin}},
		{"a stranger who may change", func(s *story) { s.tell(stranger, 1, Changed, Key{}, 0) }, []Rule{Leaked}},
		{"a stranger who hears", func(s *story) { s.hear(stranger, 1, ChangeHeard, 0, 3, 2) }, []Rule{Leaked}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := faithful()
			c.forge(s)
			v, _ := s.Judge()
			if got := broken(&v); !slices.Equal(got, sorted(c.want)) {
				t.Errorf("found %q, want %q: %v", got, c.want, v.Examples)
			}
		})
	}
}
