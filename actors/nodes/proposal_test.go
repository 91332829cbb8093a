package nodes

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

const testTTL = 5 * time.Second

// A situation is written in words: ids apart by spaces, (a) leaves by the
// record, a! has expired, a- says in its lease that it leaves, a/b that a says
// it has no link to b. a+ says that it wants to join and has all links, a+b all but
// that to b, a=b the same of a member. The process that decides is "me".
type situation struct {
	members, leases string
	up              string // to whom there is a link
	oneWay          string // who does not reach this process, which reaches them
	unlinked        string // "a:why" for whom there is no link, with _ for spaces
	// young: the registry was away not long ago.
	young   bool
	leaving bool
	// refuses is whom this process must not be together with.
	refuses string
	here    string // who has this process's address
}

const hereAddress = "here:7946"

func (s *situation) registered() *repo.Registered {
	got := &repo.Registered{Record: repo.ClusterRecord{Generation: 7}}
	for i, word := range strings.Fields(s.members) {
		m := repo.Member{ID: strings.Trim(word, "()"), Since: uint64(i + 1)}
		if word != m.ID {
			m.State = uint8(placement.Leaving)
		}
		if slices.Contains(strings.Fields(s.here), m.ID) {
			m.Address = hereAddress
		}
		got.Record.Members = append(got.Record.Members, m)
	}
	for _, word := range strings.Fields(s.leases) {
		word, lacks, joins := strings.Cut(word, "+")
		word, memberLacks, says := strings.Cut(word, "=")
		id, broken, _ := strings.Cut(word, "/")
		m := meta{Leaving: strings.HasSuffix(id, "-")}
		if broken != "" {
			m.Broken = []string{broken}
		}
		if joins || says {
			m.Links = &links{Joins: joins, Lacks: strings.Fields(lacks + memberLacks)}
		}
		l := repo.LeaseSeen{Expired: strings.HasSuffix(id, "!")}
		l.ID = strings.TrimRight(id, "!-")
		l.Meta, _ = json.Marshal(m)
		got.Leases = append(got.Leases, l)
	}
	return got
}

func (s *situation) world() *world {
	w := &world{reachable: map[string]bool{}, oneWay: map[string]bool{}, unlinked: map[string]string{}}
	for _, word := range strings.Fields(s.unlinked) {
		id, why, _ := strings.Cut(word, ":")
		w.unlinked[id] = strings.ReplaceAll(why, "_", " ")
	}
	for _, id := range strings.Fields(s.oneWay) {
		w.oneWay[id] = true
	}
	for _, id := range strings.Fields(s.up) {
		w.reachable[id] = true
	}
	return w
}

// testCore is the process "me", which may meet everybody.
func testCore() *core {
	return &core{self: placement.Node{ID: "me"}, ttl: testTTL, lease: lease{ttl: testTTL}, compatible: func(repo.Lease) error { return nil }}
}

// decide gives what is proposed as "members; expired; removed", or why not.
func (s *situation) decide(t *testing.T) string {
	const now = 100 * testTTL
	c := testCore()
	c.leaving = s.leaving
	c.compatible = func(l repo.Lease) error {
		if l.ID == s.refuses {
			return errors.New("its version is another one")
		}
		return nil
	}
	c.lease = lease{ttl: testTTL, held: true, sent: now - time.Second, steady: now - testTTL}
	if s.young {
		c.lease.steady++
	}
	if s.here != "" {
		c.self.Address = hereAddress
	}
	got, w := s.registered(), s.world()
	if _, err := c.read(now, got, 0); err != nil {
		t.Fatal(err)
	}
	p, ok, waiting := c.propose(now, got, w)
	if !ok {
		return strings.TrimSpace("none " + waiting)
	}
	if p.Record.Generation != 8 {
		t.Errorf("generation %d after 7", p.Record.Generation)
	}
	var members []string
	for _, m := range p.Record.Members {
		if m.State != 0 {
			m.ID = "(" + m.ID + ")"
		}
		members = append(members, m.ID)
	}
	return strings.TrimRight(fmt.Sprintf("%s; %s; %s", strings.Join(members, " "), strings.Join(p.Expired, " "), strings.Join(p.Removed, " ")), "; ")
}

func TestCore_Propose(t *testing.T) {
	for name, tc := range map[string]struct {
		situation
		want string
	}{
		"nothing is to be done":                       {situation{members: "a me", leases: "a me", up: "a"}, "none"},
		"a link that is down is no reason yet":        {situation{members: "a me", leases: "a me"}, "none"},
		"the first node":                              {situation{leases: "me"}, "me"},
		"a node that joins":                           {situation{members: "a b", leases: "a b me", up: "a b"}, "a b me"},
		"no link to one":                              {situation{members: "a b", leases: "a b me", up: "a"}, "none no link to b at"},
		"no link to one that leaves":                  {situation{members: "a (b)", leases: "a b me", up: "a"}, "none no link to b at"},
		"nobody reaches it":                           {situation{members: "a b", leases: "a b me", oneWay: "a b"}, "none no link to a at , b at : this node reaches them, and they do not reach it at  (cluster.advertise)"},
		"one does not reach it, another is away":      {situation{members: "a b", leases: "a b me", oneWay: "a"}, "none no link to a at  (it does not reach this node), b at"},
		"no links, for what is known":                 {situation{members: "a b c", leases: "a b c me", up: "c", unlinked: "a:connection_refused"}, "none no link to a at  (connection refused), b at"},
		"no links, for one reason":                    {situation{members: "a b c", leases: "a b c me", up: "c", unlinked: "a:timeout b:timeout"}, "none no link to a at , b at  (each: timeout)"},
		"the one before it":                           {situation{members: "a b", leases: "a b me", up: "a", here: "b"}, "none no link to b at here:7946, which is this node's own address: the one that ran here before goes when its lease is over, another one needs an address of its own (cluster.advertise)"},
		"the one before it, and another":              {situation{members: "a b", leases: "a b me", here: "b"}, "none no link to a at , b at here:7946"},
		"a member that it must not meet":              {situation{members: "a b", leases: "a b me", up: "a b", refuses: "b"}, "none b at : its version is another one"},
		"one who leaves does not join":                {situation{members: "a", leases: "a me", up: "a", leaving: true}, "none it leaves"},
		"one who comes is no member":                  {situation{members: "me", leases: "a me", up: "a"}, "none"},
		"the own lease is not seen":                   {situation{members: "a me", leases: "a!", up: "a"}, "none its own lease is not valid"},
		"the own lease is over there":                 {situation{members: "a me", leases: "a! me!", up: "a"}, "none its own lease is not valid"},
		"a member that expired":                       {situation{members: "a b me", leases: "a! b me", up: "a b"}, "b me; a"},
		"several":                                     {situation{members: "a b me", leases: "a! b! me"}, "me; a b"},
		"the registry was away not long ago":          {situation{members: "a b me", leases: "a! b me", up: "b", young: true}, "none"},
		"one that took itself out":                    {situation{members: "a b me", leases: "b me", up: "b", young: true}, "b me"},
		"one that says it leaves":                     {situation{members: "a b me", leases: "a- b me", up: "a b"}, "(a) b me"},
		"it is known":                                 {situation{members: "(a) b me", leases: "a- b me", up: "a b"}, "none"},
		"one that leaves and dies":                    {situation{members: "(a) b me", leases: "a-! b me", up: "b"}, "b me; a"},
		"itself":                                      {situation{members: "a me", leases: "a me", up: "a", leaving: true}, "a (me)"},
		"a newcomer leaves a dead one to members":     {situation{members: "a b", leases: "a! b me", up: "b"}, "none no link to a at"},
		"all are dead":                                {situation{members: "a b", leases: "a! b! me"}, "me; a b"},
		"all are dead, since not long ago":            {situation{members: "a b", leases: "a! b! me", young: true}, "none no link to a at , b at"},
		"all have lapsed, but live":                   {situation{members: "a b", leases: "a! b! me", up: "a b"}, "a b me"},
		"all have lapsed, one lives":                  {situation{members: "a b", leases: "a! b! me", up: "b"}, "b me; a"},
		"all have gone":                               {situation{members: "a (b)", leases: "me", young: true}, "me"},
		"two that do not reach each other":            {situation{members: "a b me", leases: "a/b b/a me", up: "a b"}, "a me; ; b"},
		"one of two says so, and may be about to die": {situation{members: "a b me", leases: "a/b b me", up: "a b"}, "none"},
		"a dead one is no reason for others to go":    {situation{members: "a b me", leases: "a!/b b/a me", up: "a b"}, "b me; a"},
		"itself is cut off":                           {situation{members: "a b me", leases: "a/me b me/a", up: "b"}, "a b; ; me"},
		"who is no member cuts nobody":                {situation{members: "a b", leases: "a/b b/a me", up: "a b"}, "a b me"},
		"others who join":                             {situation{members: "a", leases: "a= b+ me+ z+", up: "a b z"}, "a me b z"},
		"others, and nobody is there":                 {situation{leases: "b+ me+ z+", up: "b z"}, "me b z"},
		"one that has no link to a member":            {situation{members: "a", leases: "a= b+a me+", up: "a b"}, "a me"},
		"one to which a member has no link":           {situation{members: "a", leases: "a=b b+ me+", up: "a b"}, "a me"},
		"one that has no link to itself":              {situation{leases: "b+me me+", up: "b"}, "me"},
		"one to which it has no link":                 {situation{leases: "b+ me+"}, "me"},
		"two that have no link to each other":         {situation{leases: "b+ c+b d+ me+", up: "b c d"}, "me b d"},
		"a member that says nothing of its links":     {situation{members: "a", leases: "a b+ me+", up: "a b"}, "a me"},
		"one that says nothing of its links":          {situation{leases: "b me+", up: "b"}, "me"},
		"one that does not want to":                   {situation{leases: "b= me+", up: "b"}, "me"},
		"one whose lease is over":                     {situation{leases: "b!+ me+", up: "b"}, "me"},
		"one that it must not meet":                   {situation{leases: "b+ me+", up: "b", refuses: "b"}, "me"},
		"a member leaves joining to others":           {situation{members: "me", leases: "a+ me=", up: "a"}, "none"},
		"all at once":                                 {situation{members: "a b c d me", leases: "b! c- d me", up: "c d"}, "(c) d me; b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.decide(t); got != tc.want {
				t.Errorf("%+v\ngot  %q\nwant %q", tc.situation, got, tc.want)
			}
		})
	}
}

// What a process says of its links: nothing before it has read the registry, and
// then whom it knows of and has no link to, whatever the state of their leases.
func TestCore_Links(t *testing.T) {
	c := testCore()
	c.compatible = func(l repo.Lease) error {
		if l.ID == "unfit" {
			return errors.New("its version is another one")
		}
		return nil
	}
	says := func() string { return string(c.meta(0)) }
	if got, want := says(), `{}`; got != want {
		t.Errorf("at first %s, want %s", got, want)
	}
	s := situation{members: "a b", leases: "a b! c unfit over! me", up: "a unfit"}
	c.look(0, s.world())
	if _, err := c.read(0, s.registered(), 0); err != nil {
		t.Fatal(err)
	}
	if got, want := says(), `{"links":{"joins":true,"lacks":["b","c","over","unfit"]}}`; got != want {
		t.Errorf("one who wants to join: %s, want %s", got, want)
	}
	s = situation{members: "a me", leases: "a me", up: "a"}
	c.look(0, s.world())
	if _, err := c.read(0, s.registered(), 0); err != nil {
		t.Fatal(err)
	}
	if got, want := says(), `{"links":{}}`; got != want {
		t.Errorf("a member: %s, want %s", got, want)
	}
}

// More are dead than one proposal can take out.
func TestCore_ProposeBounds(t *testing.T) {
	var s situation
	for i := range 3 * repo.MaxTakenOut {
		s.members += fmt.Sprintf("m%02d ", i)
		s.leases += fmt.Sprintf("m%02d! ", i)
	}
	s.members, s.leases = s.members+"me", s.leases+"me"
	_, gone, _ := strings.Cut(s.decide(t), "; ")
	if n := len(strings.Fields(gone)); n != repo.MaxTakenOut {
		t.Errorf("%d are taken out at once", n)
	}
}

// What one of two says is believed when it has been said for a whole TTL.
func TestReports_Believed(t *testing.T) {
	s := situation{members: "a b", leases: "a/b b"}
	members := viewOf(&s.registered().Record).Nodes
	var r reports
	believed := func(now time.Duration, says string) string {
		s.leases = says
		leases := map[string]*repo.LeaseSeen{}
		got := s.registered()
		for i := range got.Leases {
			leases[got.Leases[i].ID] = &got.Leases[i]
		}
		return fmt.Sprint(r.believed(now, testTTL, members, leases))
	}
	for _, step := range []struct {
		at         time.Duration
		says, want string
	}{
		{0, "a/b b", "map[]"},
		{testTTL - 1, "a/b b", "map[]"},
		{testTTL, "a/b b", "map[a:[b]]"},
		{testTTL, "a b", "map[]"},
		{testTTL, "a/b b", "map[]"},
		{testTTL, "a/b b/a", "map[a:[b] b:[a]]"},
		{3 * testTTL, "a/b b!", "map[]"},
		{3 * testTTL, "a/b", "map[]"},
	} {
		if got := believed(step.at, step.says); got != step.want {
			t.Errorf("at %s, %q: %s, want %s", step.at, step.says, got, step.want)
		}
	}
}

// A link is reported when it has been down for a whole TTL, and only one to a
// member.
func TestReports_Broken(t *testing.T) {
	v := placement.NewView(1, []placement.Node{{ID: "a"}, {ID: "b"}, {ID: "me"}})
	var r reports
	look := func(now time.Duration, up ...string) string {
		w := map[string]bool{}
		for _, id := range up {
			w[id] = true
		}
		r.look(now, &v, "me", w)
		return strings.Join(r.broken(now, testTTL), " ")
	}
	for _, step := range []struct {
		at   time.Duration
		up   []string
		want string
	}{
		{0, []string{"a"}, ""},
		{testTTL - 1, nil, ""},
		{testTTL, nil, "b"},
		{2 * testTTL, nil, "a b"},
		{2*testTTL + 1, []string{"a"}, "b"},
		{3 * testTTL, []string{"b"}, ""},
	} {
		if got := look(step.at, step.up...); got != step.want {
			t.Errorf("at %s with links to %q: %q, want %q", step.at, step.up, got, step.want)
		}
	}
}
