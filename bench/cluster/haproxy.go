package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/corrillo/corrillo/bench/child"
	"github.com/corrillo/corrillo/deploy"
)

// proxy is HAProxy in front of the nodes.
type proxy struct {
	addr string
	run  *child.Process
	out  child.Output
}

// startProxy runs HAProxy at front, which stays the caller's to close, before
// nodes, and returns when it has passed a request on.
func startProxy(ctx context.Context, dir string, front *net.TCPListener, nodes []*Node, also io.Writer) (*proxy, error) {
	binary, err := findProxy()
	if err != nil {
		return nil, err
	}
	text, err := proxyFile(nodes)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	socket, err := front.File()
	if err != nil {
		return nil, err
	}
	defer func() { _ = socket.Close() }() // HAProxy has one of its own
	p := &proxy{addr: front.Addr().String()}
	cmd := exec.Command(binary, "-db", "-f", file) //nolint:gosec // where packages put it
	var out io.Writer = &p.out
	if also != nil {
		out = io.MultiWriter(&p.out, also)
	}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{socket}
	if p.run, err = child.Start(cmd); err != nil {
		return nil, fmt.Errorf("start HAProxy: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	exited := p.run.Exited
	go func() { // no use to wait for one that is not there
		<-exited
		cancel()
	}()
	if err := awaitReady(ctx, "http://"+p.addr); err != nil {
		return nil, errors.Join(fmt.Errorf("HAProxy passes nothing on: %w\n%s", err, p.out.String()), p.close())
	}
	return p, nil
}

// proxyFile is deploy/haproxy.cfg for these nodes. Requests go round robin, those
// of one polling client too. Its port comes to HAProxy bound, as the first file
// behind the standard ones, and is its alone: by itself HAProxy would share one
// with another HAProxy that has it, in silence.
func proxyFile(nodes []*Node) (string, error) {
	h := deploy.HAProxy{Bind: "fd@3", Balance: "roundrobin", Connections: 4000, Quiet: true}
	for _, n := range nodes {
		h.Nodes = append(h.Nodes, deploy.Node{Name: n.name, Addr: n.public})
	}
	return h.Text()
}

// findProxy looks where only root's PATH leads, too.
func findProxy() (string, error) {
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy", "/usr/local/sbin/haproxy"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("HAProxy is not on this machine: make deps installs it (package haproxy)")
}

func (p *proxy) close() error {
	if p.run == nil {
		return nil
	}
	err := p.run.Cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = fmt.Errorf("HAProxy ended by itself: %w\n%s", p.run.Err, p.out.String())
	}
	<-p.run.Exited
	p.run = nil
	return err
}
