// Command up runs a cluster on this machine until it is interrupted, for people
// who want to see one: nodes behind HAProxy on a MariaDB of their own, in a
// folder that goes with them. Every line of their logs has its writer's name in
// front.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/corrillo/corrillo/bench/cluster"
	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

type command struct {
	Nodes int      `default:"3" help:"How many nodes."`
	Port  int      `default:"3001" help:"HAProxy's port, of 127.0.0.1; 0 for a free one."`
	With  int      `placeholder:"PID" help:"End, in order, when the process with this id does (Linux)."`
	Args  []string `sep:"none" placeholder:"FLAG" help:"Further flags of corrillo serve; may be repeated."`
}

func main() {
	// The second signal ends the process, and all others with it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	line := kong.Parse(&command{}, kong.Name("up"), kong.Description("Runs a cluster on this machine."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := line.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// Run starts everything, waits to be interrupted and ends it in order: the
// nodes one after the other, HAProxy, MariaDB.
func (c *command) Run(ctx context.Context) (err error) {
	if c.Nodes < 1 {
		return errors.New("a cluster has one node at least")
	}
	log := newLog(os.Stdout)
	say := log.writer("cluster")
	front, err := listen(ctx, c.Port)
	if err != nil {
		return err
	}
	defer func() { _ = front.Close() }() // HAProxy has it by then
	if c.With != 0 {
		var leave func()
		if ctx, leave, err = endWith(ctx, c.With); err != nil {
			return err
		}
		defer leave()
	}
	dir, err := os.MkdirTemp("", "corrillo-cluster-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tell(say, "building corrillo")
	binary, err := server.Build(ctx, dir, false, "-pgo=off")
	if err != nil {
		return err
	}
	tell(say, "starting MariaDB")
	database, err := repotest.OpenMariaDB()
	if err != nil {
		return err
	}
	defer func() {
		tell(say, "stopping MariaDB")
		err = errors.Join(err, database.Close())
	}()
	url, err := database.CreateDatabase()
	if err != nil {
		return err
	}
	hook := webhookSecret(os.Getenv("WEBHOOK_SECRET"))
	running, err := cluster.Start(ctx, cluster.Options{
		Env:    []string{"WEBHOOK_SECRET=" + hook},
		Binary: binary, Dir: dir, Nodes: c.Nodes, DatabaseURL: url, Front: front, Log: log.writer,
		Args: append([]string{"--log-level=info", "--log-format=text", "--drain-period=5s", "--limits-trusted-proxies=127.0.0.1"}, c.Args...),
	})
	if err != nil {
		return err
	}
	introduce(say, running, url, hook)
	<-ctx.Done()
	tell(say, "stopping the nodes, one after the other; Ctrl-C again ends all at once")
	return running.Stop()
}

// listen takes HAProxy's port before anything else is started.
func listen(ctx context.Context, port int) (*net.TCPListener, error) {
	l, err := cluster.Listen(ctx, port)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken, by another cluster or a server perhaps (ss -ltnp 'sport = :%d' tells): "+
			"end that, or take another port, 0 for any that is free: make cluster ARGS=\"--port 0\"", port, port)
	}
	return l, err
}

// webhookSecret is what a back end shows to the nodes: whoever has none set gets
// one made, for a cluster that lasts as long as it is looked at.
func webhookSecret(set string) string {
	if set != "" {
		return set
	}
	return rand.Text()
}

// introduce says where everything is.
func introduce(say io.Writer, c *cluster.Cluster, url, hook string) {
	tell(say, "")
	tell(say, "the page:  %s/?user=ann&conversation=lobby (and ?user=bob in another window)", c.URL())
	for _, n := range c.Nodes() {
		tell(say, "%s:     http://%s  for nodes %s  admin %s  kill -9 %d", n.Name(), n.Addr(), n.Peer(), n.Admin(), n.PID())
	}
	tell(say, "a back end writes there with the nodes' WEBHOOK_SECRET:")
	tell(say, `curl -H 'Authorization: Bearer %s' -d '{"conversationId":"lobby","senderId":"site","content":"hello"}' %s/webhook/new-message`, hook, c.URL())
	tell(say, "its state: go run ./cmd/corrillo cluster status --admin-addr=%s", c.Nodes()[0].Admin())
	tell(say, "its data:  DATABASE_URL='%s'", url)
	tell(say, "one more node, beside HAProxy (its log says where it is):")
	tell(say, "%s", c.Another())
	tell(say, "A node that is killed is started again. Ctrl-C ends all, in order.")
	tell(say, "")
}

func tell(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", args...) // a terminal that is gone is no reason to leave nodes behind
}
