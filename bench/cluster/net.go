package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/corrillo/corrillo/bench/child"
)

// Net gives each node a network namespace of its own. One more namespace is a router
// between them and the rest of the machine, where the database has an address of its
// own. The router can drop the packets of any one direction between two parties, as
// if a cable were cut.
//
// A namespace lasts for as long as a process runs in it, and these processes die with
// the one that made them: nothing is left behind. It needs root, ip (iproute2),
// unshare and nsenter (util-linux).
type Net struct {
	prefix string // of all addresses: "198.18.7."
	link   string // the interface of this machine that leads to the router
	hub    *namespace
	nodes  []*namespace
}

// The parties of a Net besides its nodes.
const (
	// Database is the database, at DatabaseIP.
	Database = "database"
	// Balancer is everything else on this machine: HAProxy and the clients.
	Balancer = "balancer"
)

// namespace is a network namespace and the process that keeps it.
type namespace struct{ keeper *child.Process }

// NewNet makes a Net for that many nodes.
func NewNet(ctx context.Context, nodes int) (*Net, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("network namespaces are for root alone")
	}
	for _, program := range []string{"ip", "unshare", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("network namespaces need ip (package iproute2), unshare and nsenter (util-linux): %w", err)
		}
	}
	n := &Net{}
	if err := n.build(ctx, nodes); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// build connects each node with the router. Each connection has a subnet of four
// addresses: the router has the first of the two that can be used, the node the
// second.
func (n *Net) build(ctx context.Context, nodes int) error {
	var err error
	if n.hub, err = newNamespace(); err != nil {
		return err
	}
	if err := n.cable(ctx); err != nil {
		return err
	}
	if err := n.hub.do(ctx, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"); err != nil {
		return err
	}
	for i := range nodes {
		ns, err := newNamespace()
		if err != nil {
			return err
		}
		n.nodes = append(n.nodes, ns)
		end := fmt.Sprint("node", i+1)
		err = errors.Join(
			n.hub.ip(ctx, "link add "+end+" type veth peer name eth0 netns "+ns.pid(),
				fmt.Sprintf("address add %s%d/30 dev %s", n.prefix, 4*(i+1)+1, end), "link set "+end+" up"),
			ns.ip(ctx, "link set lo up", fmt.Sprintf("address add %s/30 dev eth0", n.NodeIP(i)), "link set eth0 up",
				fmt.Sprintf("route add default via %s%d", n.prefix, 4*(i+1)+1)))
		if err != nil {
			return err
		}
	}
	return nil
}

// cable connects this machine with the router. It takes a block that nobody uses here
// of the addresses that are reserved for testing networks (RFC 2544).
func (n *Net) cable(ctx context.Context) error {
	var err error
	for range 20 {
		block := rand.IntN(512) //nolint:gosec // no secret
		n.prefix = fmt.Sprintf("198.%d.%d.", 18+block/256, block%256)
		n.link = "corrillo" + strconv.Itoa(block)
		here, hub := n.prefix+"1", n.prefix+"2"
		if err = run(ctx, "ip", "link", "add", n.link, "type", "veth", "peer", "name", "uplink", "netns", n.hub.pid()); err != nil {
			continue // another process has it
		}
		err = errors.Join(
			batch(ctx, []string{"ip"}, "address add "+here+"/30 dev "+n.link, "address add "+n.DatabaseIP()+"/32 dev "+n.link,
				"link set "+n.link+" up", "route add "+n.prefix+"0/24 via "+hub),
			n.hub.ip(ctx, "link set lo up", "address add "+hub+"/30 dev uplink", "link set uplink up", "route add "+n.DatabaseIP()+" via "+here))
		if err == nil {
			return nil
		}
		err = errors.Join(err, run(ctx, "ip", "link", "delete", n.link))
	}
	return err
}

// NodeIP is the address of a node, counted from 0.
func (n *Net) NodeIP(i int) string { return fmt.Sprint(n.prefix, 4*(i+1)+2) }

// DatabaseIP is where the database has to listen.
func (n *Net) DatabaseIP() string { return n.prefix + "254" }

// enter returns a command line that runs command in a node's namespace, in the same
// process.
func (n *Net) enter(i int, command []string) []string {
	return append([]string{"nsenter", "--net=/proc/" + n.nodes[i].pid() + "/ns/net", "--"}, command...)
}

// address returns the address of a party.
func (n *Net) address(party string) (string, error) {
	switch party {
	case Database:
		return n.DatabaseIP(), nil
	case Balancer:
		return n.prefix + "1", nil
	}
	i, err := strconv.Atoi(strings.TrimPrefix(party, "node"))
	if err != nil || i < 1 || i > len(n.nodes) {
		return "", fmt.Errorf("there is no %q in this network", party)
	}
	return n.NodeIP(i - 1), nil
}

// Cut drops the packets from one party to another, but not those that come back,
// until heal is called. Parties are Database, Balancer and the names of nodes. A
// direction must not be cut twice at a time.
func (n *Net) Cut(ctx context.Context, from, to string) (heal func() error, err error) {
	if err := n.rule(ctx, "add", from, to); err != nil {
		return nil, err
	}
	return func() error { return n.rule(context.WithoutCancel(ctx), "delete", from, to) }, nil
}

// rule adds or deletes the router's rule for a direction.
func (n *Net) rule(ctx context.Context, verb, from, to string) error {
	source, err := n.address(from)
	if err != nil {
		return err
	}
	target, err := n.address(to)
	if err != nil {
		return err
	}
	return n.hub.ip(ctx, "rule "+verb+" from "+source+" to "+target+" blackhole")
}

// Close ends all namespaces. The nodes in them must have ended before.
func (n *Net) Close() error {
	var err error
	for _, ns := range append(n.nodes, n.hub) {
		if ns != nil {
			err = errors.Join(err, ns.keeper.Cmd.Process.Kill())
			<-ns.keeper.Exited
		}
	}
	return err
}

// newNamespace makes a namespace.
func newNamespace() (*namespace, error) {
	cmd := exec.Command("unshare", "--net", "sh", "-c", "echo; exec sleep infinity")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := child.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	if _, err := bufio.NewReader(out).ReadByte(); err != nil {
		<-p.Exited
		return nil, fmt.Errorf("make a network namespace: %w", errors.Join(p.Err, err))
	}
	return &namespace{keeper: p}, nil
}

func (ns *namespace) pid() string { return strconv.Itoa(ns.keeper.Cmd.Process.Pid) }

// do runs a command in the namespace.
func (ns *namespace) do(ctx context.Context, command ...string) error {
	return run(ctx, "nsenter", append([]string{"--net=/proc/" + ns.pid() + "/ns/net", "--"}, command...)...)
}

// ip runs lines as commands of ip in the namespace.
func (ns *namespace) ip(ctx context.Context, lines ...string) error {
	return batch(ctx, []string{"nsenter", "--net=/proc/" + ns.pid() + "/ns/net", "--", "ip"}, lines...)
}

func batch(ctx context.Context, command []string, lines ...string) error {
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], "-batch", "-")...) //nolint:gosec // our own arguments
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	return said(cmd)
}

func run(ctx context.Context, name string, args ...string) error {
	return said(exec.CommandContext(ctx, name, args...))
}

// said runs a command. An error holds the command's output.
func said(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
