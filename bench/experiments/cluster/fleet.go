package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// fleet is a cluster of members, each a process of its own.
type fleet struct {
	ports, polled []int // of a member and of its provider
	hosts         [][]string
	dir           string
	members       []*child
}

// newFleet prepares n members; start starts them.
func newFleet(n int) *fleet {
	dir, err := os.MkdirTemp("", "cluster")
	must(err)
	f := &fleet{ports: freePorts(n), polled: freePorts(n), dir: dir, members: make([]*child, n)}
	for range n {
		var hosts []string
		for _, port := range f.polled {
			hosts = append(hosts, fmt.Sprintf("127.0.0.1:%d", port))
		}
		f.hosts = append(f.hosts, hosts)
	}
	return f
}

func (f *fleet) file(i int) string { return filepath.Join(f.dir, fmt.Sprint(i)) }

func (f *fleet) start(i int) {
	args := []any{f.ports[i], f.polled[i], f.file(i)}
	for _, host := range f.hosts[i] {
		args = append(args, host)
	}
	f.members[i] = start("member", args...)
}

// startAll starts the first n and waits until each sees all of them.
func (f *fleet) startAll(n int) {
	for i := range n {
		f.start(i)
	}
	if _, ok := f.agree(n, 30*time.Second); !ok {
		panic("the members did not find each other")
	}
	time.Sleep(3 * time.Second) // they poll every two seconds
}

// agree waits until each of the first n sees n members.
func (f *fleet) agree(n int, limit time.Duration) (time.Duration, bool) {
	return eventually(limit, func() bool {
		for i := range n {
			if len(f.seen(i).Members) != n {
				return false
			}
		}
		return true
	})
}

func (f *fleet) seen(i int) (s seen) {
	f.members[i].ask(&s, "seen")
	return s
}

func (f *fleet) touch(i, grains int) (o outcome) {
	f.members[i].ask(&o, "touch", grains)
	return o
}

func (f *fleet) tell(i, from, to int, pause time.Duration, grains int) (o outcome) {
	f.members[i].ask(&o, "tell", from, to, pause.Microseconds(), grains)
	return o
}

func (f *fleet) lives(i int) (list []life) {
	f.members[i].ask(&list, "lives")
	return list
}

// told counts the different numbers that grains have got, dead members' too.
func (f *fleet) told() int {
	all := map[uint64]bool{}
	for i := range f.members {
		text, _ := os.ReadFile(f.file(i))
		for ; len(text) >= 8; text = text[8:] {
			all[binary.LittleEndian.Uint64(text)] = true
		}
	}
	return len(all)
}

// sight prints whom each of the members sees.
func (f *fleet) sight(when string, which ...int) {
	names := map[string]string{}
	for i := range f.members {
		if f.members[i] != nil {
			names[f.seen(i).ID] = string(rune('A' + i))
		}
	}
	for _, i := range which {
		s := f.seen(i)
		var list []string
		for _, id := range s.Members {
			list = append(list, names[id])
		}
		slices.Sort(list)
		fmt.Printf("   %s: %c sees %v, has banned %d\n", when, 'A'+i, list, s.Blocked)
	}
}

// doubles is how many grains have lived on two members at a time.
type doubles struct {
	ever    int
	longest time.Duration
	still   int
	revived int // of these: both lives began after a moment
}

// twice counts them. A life without an end lasts until now.
func (f *fleet) twice(now, moment time.Time) (d doubles) {
	type stay struct {
		life
		member int
	}
	stays := map[string][]stay{}
	for i := range f.members {
		for _, l := range f.lives(i) {
			stays[l.Grain] = append(stays[l.Grain], stay{l, i})
		}
	}
	for _, all := range stays {
		var longest time.Duration
		alive, late := 0, 0
		for x, a := range all {
			if a.End == 0 {
				alive++
				if a.Start > moment.UnixNano() {
					late++
				}
			}
			for _, b := range all[x+1:] {
				if a.member != b.member {
					longest = max(longest, overlap(a.life, b.life, now))
				}
			}
		}
		d.longest = max(d.longest, longest)
		if longest > 0 {
			d.ever++
		}
		if alive > 1 {
			d.still++
		}
		if alive > 1 && late > 1 {
			d.revived++
		}
	}
	return d
}

func overlap(a, b life, now time.Time) time.Duration {
	end := func(l life) int64 {
		if l.End == 0 {
			return now.UnixNano()
		}
		return l.End
	}
	return time.Duration(min(end(a), end(b)) - max(a.Start, b.Start))
}

func (f *fleet) end() { os.RemoveAll(f.dir) }
