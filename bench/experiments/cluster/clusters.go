package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

// grains of each experiment with a cluster.
const grains = 600

// join has two members with all grains awake and asked in turn, and a third
// one that comes and asks as well. Nobody coordinates the three: each asks the
// others every two seconds who is there, and starts grains by what it knows.
func join() {
	const runs = 5
	for run := range runs {
		f := newFleet(3)
		f.startAll(2)
		f.touch(0, grains)
		f.touch(1, grains)
		for i := range 2 {
			f.members[i].ask(nil, "load", grains)
		}
		coming := time.Now()
		f.start(2)
		f.members[2].ask(nil, "load", grains)
		took, _ := f.agree(3, 30*time.Second)
		wait := 10 * time.Second
		if run == runs-1 {
			wait = time.Minute
		}
		time.Sleep(wait)
		var o outcome
		failed, asked := 0, 0
		for i := range 3 {
			f.members[i].ask(&o, "unload")
			failed, asked = failed+o.Failed, asked+o.OK+o.Failed
		}
		d := f.twice(time.Now(), coming)
		fmt.Printf("   all see three %.1f s after the third is up; %d of %d grains lived twice, the longest for %.1f s; %.0f s later %d still do, and %d of these were started where they were no longer at home; %d of %d requests failed\n",
			took.Seconds(), d.ever, grains, d.longest.Seconds(), wait.Seconds(), d.still, d.revived, failed, asked)
		endChildren()
		f.end()
	}
}

// passivate has a member whose cache knows the PIDs of all grains. Those that
// live elsewhere go to sleep; then each is told something.
func passivate() {
	f := newFleet(2)
	defer f.end()
	f.startAll(2)
	f.touch(0, grains)
	away := len(f.lives(1))
	f.members[1].ask(nil, "sleep")
	time.Sleep(time.Second)
	o := f.tell(0, 0, grains, 0, grains)
	time.Sleep(2 * time.Second)
	fmt.Printf("   %d of %d grains lived elsewhere and went to sleep; of %d tells %d were refused and %d arrived\n", away, grains, grains, o.Failed, f.told())
	fmt.Printf("   dead letters: %d where the tells came from, %d where the grains had been\n", f.seen(0).Dead, f.seen(1).Dead)
	o = f.tell(0, grains, 2*grains, 0, grains)
	time.Sleep(2 * time.Second)
	fmt.Printf("   the same again: %d of %d have arrived now\n", f.told(), 2*grains)
	o = f.touch(0, grains)
	fmt.Printf("   requests, which wait for an answer and look again: %d answered, %d failed, slowest %.3f s\n", o.OK, o.Failed, o.Slowest)
}

// poll lets one health poll of A at C fail, by a proxy that answers 503 once.
func poll() {
	f := newFleet(3)
	defer f.end()
	var fail atomic.Bool
	target, err := url.Parse("http://" + f.hosts[0][2])
	must(err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // the member is not up at first
	port := freePorts(1)[0]
	server := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if fail.CompareAndSwap(true, false) {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			proxy.ServeHTTP(w, r)
		})}
	go server.ListenAndServe()
	defer server.Close()
	f.hosts[0] = []string{f.hosts[0][0], f.hosts[0][1], server.Addr}
	f.startAll(3)
	for i := range 3 {
		f.touch(i, grains)
	}
	f.sight("before", 0, 1, 2)
	fail.Store(true)
	took, ok := eventually(10*time.Second, func() bool { return len(f.seen(0).Members) == 2 })
	fmt.Printf("   after one answer 503: banned %v, %.1f s later\n", ok, took.Seconds())
	for range 6 {
		time.Sleep(10 * time.Second)
		for i := range 3 {
			f.touch(i, grains)
		}
	}
	f.sight("a minute later", 0, 1, 2)
	d := f.twice(time.Now(), time.Time{})
	fmt.Printf("   %d of %d grains live twice\n", d.still, grains)
	before := f.told()
	o := f.tell(2, 0, 100, 0, grains)
	time.Sleep(time.Second)
	fmt.Printf("   of 100 tells from the banned member %d were refused, %d arrived\n", o.Failed, f.told()-before)
}

// freeze stops C's process for ten seconds, as a machine that is suspended or
// a hypervisor that is busy does.
func freeze() {
	f := newFleet(3)
	defer f.end()
	f.startAll(3)
	for i := range 3 {
		f.touch(i, grains)
	}
	f.members[2].signal(syscall.SIGSTOP)
	started := time.Now()
	o := f.touch(0, grains)
	fmt.Printf("   stopped: A's next %d requests took %.1f s, %d failed, the slowest %.1f s\n", grains, time.Since(started).Seconds(), o.Failed, o.Slowest)
	time.Sleep(max(0, 10*time.Second-time.Since(started)))
	f.members[2].signal(syscall.SIGCONT)
	fmt.Printf("   it was stopped for %.1f s\n", time.Since(started).Seconds())
	for range 3 {
		time.Sleep(10 * time.Second)
		for i := range 3 {
			f.touch(i, grains)
		}
	}
	f.sight("half a minute after it went on", 0, 1, 2)
	d := f.twice(time.Now(), time.Time{})
	fmt.Printf("   %d of %d grains live twice, and none of the processes has ended\n", d.still, grains)
	f.members[2].kill()
	f.start(2)
	took, ok := f.agree(3, 20*time.Second)
	fmt.Printf("   started anew under a new id: all see three again: %v, %.1f s after it is up\n", ok, took.Seconds())
}

// kill has A tell the grains of all three 10,000 numbers, and kills C in the
// middle of it.
func kill() {
	for range 3 {
		f := newFleet(3)
		f.startAll(3)
		f.touch(0, grains)
		gone := len(f.lives(2))
		const tells, pause = 10_000, 500 * time.Microsecond
		killed := make(chan struct{})
		go func() {
			time.Sleep(tells / 2 * pause)
			f.members[2].kill()
			close(killed)
		}()
		o := f.tell(0, 0, tells, pause, grains)
		<-killed
		time.Sleep(12 * time.Second)
		got := f.told()
		fmt.Printf("   %d grains died with C; of %d tells %d arrived, %d were refused to the caller, %d are lost; A has seen %d dead letters; its slowest tell took %.1f s\n",
			gone, tells, got, o.Failed, tells-got-o.Failed, f.seen(0).Dead, o.Slowest)
		endChildren()
		f.end()
	}
}
