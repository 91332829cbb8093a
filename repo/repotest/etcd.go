package repotest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// Etcd is a private etcd of one member: its own data in a temporary folder,
// free ports of 127.0.0.1. Its methods are for one goroutine at a time.
type Etcd struct {
	dir          string
	client, peer int
	args         []string
	scheme       string
	run          *process
	out          *bytes.Buffer
}

// EtcdTTL is the shortest time that a lease of StartEtcd's server lives.
const EtcdTTL = time.Second

// StartEtcd starts a server for this test alone, with more arguments for it
// ("--cert-file=..." makes its clients use TLS). It ends with the test, which
// fails when there is no etcd on this machine.
func StartEtcd(tb testing.TB, args ...string) *Etcd {
	tb.Helper()
	dir, err := os.MkdirTemp("", "corrillo-etcd-")
	if err != nil {
		tb.Fatal(err)
	}
	e := &Etcd{dir: dir, args: args, scheme: "http"}
	for _, a := range args {
		if bytes.HasPrefix([]byte(a), []byte("--cert-file=")) {
			e.scheme = "https"
		}
	}
	tb.Cleanup(func() {
		if err := errors.Join(e.end(os.Kill), os.RemoveAll(dir)); err != nil {
			tb.Errorf("stop etcd: %v", err)
		}
	})
	for range 5 { // somebody else may take a port first
		if e.client, err = FreePort(); err != nil {
			break
		}
		if e.peer, err = FreePort(); err != nil {
			break
		}
		if err = e.start(); err == nil {
			return e
		}
	}
	tb.Fatal(err)
	return nil
}

// Addr is host:port of clients.
func (e *Etcd) Addr() string { return "127.0.0.1:" + strconv.Itoa(e.client) }

// Endpoint is the URL for clients.
func (e *Etcd) Endpoint() string { return e.scheme + "://" + e.Addr() }

// Kill ends the server at once.
func (e *Etcd) Kill(tb testing.TB) {
	tb.Helper()
	if err := e.end(os.Kill); err != nil {
		tb.Fatalf("kill etcd: %v", err)
	}
}

// Restart starts the server again on the same data and ports, and returns when
// it takes connections.
func (e *Etcd) Restart(tb testing.TB) {
	tb.Helper()
	if err := e.start(); err != nil {
		tb.Fatalf("restart etcd: %v", err)
	}
}

func (e *Etcd) end(signal os.Signal) error {
	if e.run == nil {
		return nil
	}
	err := e.run.end(signal)
	e.run = nil
	return err
}

func (e *Etcd) start() error {
	path, err := exec.LookPath("etcd")
	if err != nil {
		return errors.New("etcd is not on this machine: `make test` installs it (package etcd-server)")
	}
	peer := "http://127.0.0.1:" + strconv.Itoa(e.peer)
	cmd := exec.Command(path, append([]string{ //nolint:gosec // our own arguments
		"--name=test", "--data-dir=" + e.dir + "/data", "--log-level=warn", "--logger=zap",
		"--listen-client-urls=" + e.Endpoint(), "--advertise-client-urls=" + e.Endpoint(),
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=test=" + peer,
		// A lease lives three halves of the election's time at the least.
		"--heartbeat-interval=50", "--election-timeout=500",
	}, e.args...)...)
	e.out = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = e.out, e.out
	p, err := run(cmd)
	if err != nil {
		return err
	}
	if err := e.await(p); err != nil {
		return errors.Join(fmt.Errorf("start etcd: %w", err), p.end(os.Kill), errors.New(tail(e.out.String())))
	}
	e.run = p
	return nil
}

// await asks until the server takes connections; there is nothing to be
// notified by.
func (e *Etcd) await(p *process) error {
	for range 1500 {
		conn, err := net.DialTimeout("tcp", e.Addr(), time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			return errors.New("it ended by itself")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("it takes no connections")
}
