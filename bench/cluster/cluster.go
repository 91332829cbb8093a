package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/corrillo/corrillo/repo/repotest"
)

// Options say what Start runs. Binary, Dir and DatabaseURL are needed; other zero
// fields take the default in their comment.
type Options struct {
	Binary string
	// Dir is a folder for files; it must exist.
	Dir string
	// Nodes is how many run from the beginning, default 3. Spare is how many more may
	// be started. A single node without a spare one is a lone server, no cluster.
	Nodes, Spare int
	// DatabaseURL is mysql://..., as the nodes reach it.
	DatabaseURL string
	// Args come after `serve --dev` and the addresses.
	Args []string
	// Env is what each node's environment has more than this process's: NAME=value.
	Env []string
	// Net has the nodes' network namespaces; loopback when nil.
	Net *Net
	// Front is the port for clients. HAProxy inherits it: Start closes it in this
	// process, even when it fails. When nil a free port of 127.0.0.1 is taken.
	Front *net.TCPListener
	// Bare leaves HAProxy out: clients connect to the nodes.
	Bare bool
	// Log returns a writer for the output of a node, or of "haproxy"; may be nil.
	Log func(name string) io.Writer
}

// Cluster is the running nodes, and HAProxy in front of them if there is one.
type Cluster struct {
	nodes []*Node // and behind them the spare ones
	size  int
	front *proxy
	more  string // see Another
}

// secret is the cluster.secret of every cluster that this package starts. They are
// on this machine alone and last for minutes.
const secret = "a secret that the nodes of a cluster on loopback share"

// Start runs a cluster and returns when every node is ready and HAProxy, if
// there is to be one, sends clients to them.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Front != nil {
		defer func() { _ = o.Front.Close() }() // by then HAProxy has inherited it, or Start has failed
	}
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	binary, err := filepath.Abs(o.Binary) // the processes have other working directories
	if err != nil {
		return nil, err
	}
	o.Binary = binary
	c := &Cluster{size: o.Nodes, more: another(&o)}
	for i := range o.Nodes + o.Spare {
		n, err := newNode(&o, i)
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, n)
	}
	if err := c.start(ctx, &o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, o *Options) error {
	for _, n := range c.Nodes() {
		if err := n.Begin(); err != nil {
			return err
		}
	}
	if err := c.Ready(ctx); err != nil {
		return err
	}
	if o.Bare {
		return nil
	}
	front := o.Front
	if front == nil {
		var err error
		if front, err = Listen(ctx, 0); err != nil {
			return err
		}
		defer func() { _ = front.Close() }()
	}
	var err error
	c.front, err = startProxy(ctx, o.Dir, front, c.nodes, o.log("haproxy"))
	return err
}

// Listen opens a port of 127.0.0.1 for Options.Front; 0 takes a free one. It fails
// when another process has the port.
func Listen(ctx context.Context, port int) (*net.TCPListener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // as HAProxy's own sockets
	l, err := config.Listen(ctx, "tcp", hostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil //nolint:forcetypeassert // tcp
}

func (o *Options) log(name string) io.Writer {
	if o.Log == nil {
		return nil
	}
	return o.Log(name)
}

// newNode makes the i-th node, without starting a process.
func newNode(o *Options, i int) (*Node, error) {
	n := &Node{name: fmt.Sprintf("node%d", i+1), also: o.log(fmt.Sprintf("node%d", i+1))}
	n.dir = filepath.Join(o.Dir, n.name)
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return nil, err
	}
	host := "127.0.0.1"
	if o.Net != nil {
		host = o.Net.NodeIP(i)
	}
	var ports [3]int
	for k := range ports {
		port, err := repotest.FreePort()
		if err != nil {
			return nil, err
		}
		ports[k] = port
	}
	n.public, n.admin, n.peer = hostPort(host, ports[0]), hostPort(host, ports[1]), hostPort(host, ports[2])
	n.command = []string{o.Binary, "serve", "--dev", "--host=" + host, fmt.Sprintf("--port=%d", ports[0]), "--admin-addr=" + n.admin}
	if o.Nodes+o.Spare > 1 {
		n.command = append(n.command, "--cluster-listen="+n.peer, "--cluster-secret="+secret)
	}
	n.command = append(n.command, o.Args...)
	if o.Net != nil {
		n.command = o.Net.enter(i, n.command)
	}
	n.environ = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "DATABASE_URL" || name == "PORT" || strings.HasPrefix(name, "CORRILLO_")
	})
	n.environ = append(append(n.environ, "DATABASE_URL="+o.DatabaseURL), o.Env...)
	return n, nil
}

// Addr is host:port for clients and webhook: HAProxy's, or the first node's when
// there is no HAProxy.
func (c *Cluster) Addr() string {
	if c.front == nil {
		return c.nodes[0].public
	}
	return c.front.addr
}

// URL is Addr as an http URL.
func (c *Cluster) URL() string { return "http://" + c.Addr() }

// Nodes returns the nodes that ran from the beginning.
func (c *Cluster) Nodes() []*Node { return c.nodes[:c.size] }

// Another returns a shell command that starts one more node, on free ports that its
// log names. HAProxy does not send it clients.
func (c *Cluster) Another() string { return c.more }

func another(o *Options) string {
	env := ""
	for _, kv := range append([]string{"DATABASE_URL=" + o.DatabaseURL, "CLUSTER_SECRET=" + secret}, o.Env...) {
		name, value, _ := strings.Cut(kv, "=")
		env += name + "='" + value + "' "
	}
	return fmt.Sprintf("%s%s serve --dev --host=127.0.0.1 --port=0 --admin-addr=127.0.0.1:0 --cluster-listen=127.0.0.1:0", env, o.Binary)
}

// Spare returns a node that HAProxy knows but that does not run until it is started;
// nil when there is none.
func (c *Cluster) Spare() *Node {
	if len(c.nodes) == c.size {
		return nil
	}
	return c.nodes[c.size]
}

// Ready waits until every node that was started takes clients.
func (c *Cluster) Ready(ctx context.Context) error {
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		if n.Running() {
			wg.Go(func() { errs[i] = n.Ready(ctx) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Faults returns Node.Faults of all nodes; empty when there are none.
func (c *Cluster) Faults() string {
	var all []string
	for _, n := range c.nodes {
		if faults := n.Faults(); faults != "" {
			all = append(all, n.name+":\n"+faults)
		}
	}
	return strings.Join(all, "\n")
}

// Output returns the end of each node's output.
func (c *Cluster) Output() string {
	var b strings.Builder
	for _, n := range c.nodes {
		fmt.Fprintf(&b, "== %s\n%s\n", n.name, n.Output())
	}
	return b.String()
}

// Stop ends the nodes in order, one after the other, and then HAProxy.
func (c *Cluster) Stop() error {
	var err error
	for _, n := range c.nodes {
		err = errors.Join(err, n.Stop())
	}
	return errors.Join(err, c.Close())
}

// Close kills what still runs.
func (c *Cluster) Close() error {
	var err error
	for _, n := range c.nodes {
		err = errors.Join(err, n.close())
	}
	if c.front != nil {
		err = errors.Join(err, c.front.close())
		c.front = nil
	}
	return err
}
