package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// within runs f on a thread in a node's namespace: what sockets it makes are
// there.
func within[T any](t *testing.T, n *Net, node int, f func() (T, error)) T {
	t.Helper()
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with it
		var a answer
		file, err := os.Open("/proc/" + n.nodes[node].pid() + "/ns/net")
		if err == nil {
			err = errors.Join(unix.Setns(int(file.Fd()), unix.CLONE_NEWNET), file.Close())
		}
		if a.err = err; err == nil {
			a.value, a.err = f()
		}
		done <- a
	}()
	a := <-done
	if a.err != nil {
		t.Fatal(a.err)
	}
	return a.value
}

// Nodes reach each other and the database until they are cut off, each
// direction by itself, and again when that heals.
func TestNet_Cut(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces are for root alone")
	}
	n, err := NewNet(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	// One datagram socket for each party.
	sockets := map[string]net.PacketConn{}
	listen := func(ip string) func() (net.PacketConn, error) {
		return func() (net.PacketConn, error) { return net.ListenPacket("udp4", ip+":0") } //nolint:noctx // a test's
	}
	sockets["node1"] = within(t, n, 0, listen(n.NodeIP(0)))
	sockets["node2"] = within(t, n, 1, listen(n.NodeIP(1)))
	for party, ip := range map[string]string{Database: n.DatabaseIP(), Balancer: n.prefix + "1"} {
		if sockets[party], err = listen(ip)(); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range sockets {
		defer func() { _ = s.Close() }()
	}
	number := 0
	// passes waits long for what is to arrive, and a moment for what is not.
	passes := func(from, to string, wait time.Duration) bool {
		number++
		text := fmt.Sprint("datagram ", number)
		if _, err := sockets[from].WriteTo([]byte(text), sockets[to].LocalAddr()); err != nil {
			t.Fatalf("from %s to %s: %v", from, to, err)
		}
		if err := sockets[to].SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		for got := make([]byte, 100); ; {
			k, _, err := sockets[to].ReadFrom(got)
			if err != nil || string(got[:k]) == text {
				return err == nil
			}
		}
	}
	cutOff := func(cuts ...[2]string) {
		t.Helper()
		for from := range sockets {
			for to := range sockets {
				outside := map[string]bool{Database: true, Balancer: true}
				if from == to || outside[from] && outside[to] {
					continue
				}
				want, wait := true, 10*time.Second
				for _, c := range cuts {
					want = want && c != [2]string{from, to}
				}
				if !want {
					wait = 100 * time.Millisecond
				}
				if got := passes(from, to, wait); got != want {
					t.Errorf("with cuts %v, from %s to %s: passes %t", cuts, from, to, got)
				}
			}
		}
	}
	cutOff()
	var heals []func() error
	var cuts [][2]string
	for _, c := range [][2]string{{"node1", "node2"}, {"node2", Database}, {Database, "node1"}} {
		heal, err := n.Cut(t.Context(), c[0], c[1])
		if err != nil {
			t.Fatal(err)
		}
		heals, cuts = append(heals, heal), append(cuts, c)
		cutOff(cuts...)
	}
	for _, heal := range heals {
		if err := heal(); err != nil {
			t.Fatal(err)
		}
	}
	cutOff()
	if _, err := n.Cut(t.Context(), "node1", "node3"); err == nil {
		t.Error("there is a third node")
	}
}
