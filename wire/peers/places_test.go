package peers

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// from dials a node's port from one of this machine's addresses, and says
// nothing.
func from(t *testing.T, address string, n *node) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := dialer.Dial("tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// asMember makes the handshake as a node of the cluster does, and waits until
// the other end has seen its certificate.
func asMember(t *testing.T, conn net.Conn) error {
	t.Helper()
	now := time.Now()
	certificate := minted(t, string(testSecret), now.Add(-time.Hour), now.Add(time.Hour))()
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protoHTTP}, Certificates: []tls.Certificate{*certificate}})
	if _, err := client.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); err != nil {
		return err
	}
	_, err := client.Read(make([]byte, 1))
	return err
}

// One who fills the cluster's port with connections that say nothing keeps no
// node out: neither one elsewhere nor one behind the same address, nor one that
// was there before and has not finished its handshake.
func TestStranger_HoldsNoPlace(t *testing.T) {
	n := start(t, "a", func(o *Options) { o.handshake = patience }) // whoever loses a place loses it to others
	before := from(t, "127.0.0.2", n)
	silent := make([]net.Conn, 2*handshakes)
	for i := range silent {
		silent[i] = from(t, "127.0.0.1", n)
	}
	n.await("the oldest closed", func() bool { return n.Stats().Strangers == handshakes+1 })
	for what, conn := range map[string]net.Conn{
		"who came before":            before,
		"who comes from elsewhere":   from(t, "127.0.0.3", n),
		"who has the same address":   from(t, "127.0.0.1", n),
		"who comes as another again": from(t, "127.0.0.2", n),
	} {
		if err := asMember(t, conn); err != nil {
			t.Errorf("%s was kept out: %v", what, err)
		}
	}
	for i, conn := range silent[:handshakes+1] {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("the stranger's connection %d was not closed: %v", i, err)
		}
	}
	if said := strings.Count(n.logs.String(), errCrowded.Error()); said != 1 {
		t.Errorf("it was said %d times: %s", said, n.logs)
	}
}

// When all are taken, the address with most places loses its oldest one, and of
// several such addresses the one that came first.
func TestPlaces(t *testing.T) {
	addresses := map[string]string{
		"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3", "d": "10.0.0.4", "a as IPv6": "::ffff:10.0.0.1",
		"v": "2001:db8::1", "v's neighbour": "2001:db8::2:0:0:1", "w": "2001:db8:0:1::1",
	}
	for name, c := range map[string]struct {
		come []string
		lost []int // of them
	}{
		"there is room":         {[]string{"a", "b", "a"}, nil},
		"one too many of one":   {[]string{"a", "a", "a", "a"}, []int{0}},
		"one of the fullest":    {[]string{"b", "a", "a", "c"}, []int{1}},
		"who has one keeps it":  {[]string{"b", "a", "a", "a", "a"}, []int{1, 2}},
		"of equals the first":   {[]string{"c", "a", "b", "d"}, []int{0}},
		"and then the fullest":  {[]string{"c", "a", "b", "d", "a"}, []int{0, 1}},
		"IPv4 in IPv6":          {[]string{"b", "a", "a as IPv6", "c"}, []int{1}},
		"a network of IPv6":     {[]string{"b", "v", "v's neighbour", "c"}, []int{1}},
		"another one is others": {[]string{"b", "v", "w", "c"}, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlaces(3)
			var held []context.Context
			for _, who := range c.come {
				mine, leave := p.enter(t.Context(), &net.TCPAddr{IP: net.ParseIP(addresses[who]), Port: len(held)})
				held = append(held, mine)
				defer leave()
			}
			var lost []int
			for i, mine := range held {
				if errors.Is(context.Cause(mine), errCrowded) {
					lost = append(lost, i)
				}
			}
			if !slices.Equal(lost, c.lost) {
				t.Errorf("%v: %v lost their places, want %v", c.come, lost, c.lost)
			}
		})
	}
}

// A place that is given back is free, also when it had been lost before.
func TestPlaces_AreGivenBack(t *testing.T) {
	p, at := newPlaces(1), &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}
	_, leaveFirst := p.enter(t.Context(), at)
	second, leaveSecond := p.enter(t.Context(), at)
	leaveFirst()
	if p.all != 1 || second.Err() != nil {
		t.Errorf("%d places taken, the second: %v", p.all, second.Err())
	}
	leaveSecond()
	if p.all != 0 || len(p.from) != 0 {
		t.Errorf("%d places of %d addresses are taken by nobody", p.all, len(p.from))
	}
}
