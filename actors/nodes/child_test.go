package nodes_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/etcd"
	"github.com/corrillo/corrillo/repo/mysql"
)

// childSpec is the variable that makes this test program a process with one
// node, to be killed and to be stopped.
const childSpec = "CORRILLO_TEST_NODE"

// spec says what node it is.
type spec struct {
	ID    string
	Peers []string // to which it says to have links
	TTL   time.Duration
	// Either of them.
	MySQL        string
	Etcd, Prefix string
}

func (s *spec) open(ctx context.Context) (repo.Registry, error) {
	if s.Etcd != "" {
		return etcd.Open(ctx, etcd.Options{Endpoints: []string{s.Etcd}, Prefix: s.Prefix})
	}
	o, err := mysql.ParseURL(s.MySQL)
	if err != nil {
		return nil, err
	}
	return mysql.OpenRegistry(o)
}

// beChild prints a line for each view and one when it is lost.
func beChild(text string) int {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		fmt.Println("error", err)
		return 1
	}
	r, err := s.open(context.Background())
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	up := map[string]bool{}
	for _, p := range s.Peers {
		up[p] = true
	}
	k, err := nodes.Start(context.Background(), nodes.Options{
		Registry: r, Self: placement.Node{ID: s.ID, Address: s.ID + ".example:7000"}, TTL: s.TTL, Every: s.TTL / 5,
		Reachable: func() map[string]bool { return up },
		PeerLease: func(string) (bool, bool) { return true, true },
		OnView:    func(v placement.View) { fmt.Println("view", show(&v)) },
	})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	<-k.Lost()
	fmt.Println("lost", k.Err())
	return 0
}

// child is such a process.
type child struct {
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
	news  chan struct{}
	gone  chan struct{}
}

func startChild(t testing.TB, s spec) *child {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(os.Args[0]), news: make(chan struct{}), gone: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), childSpec+"="+string(text))
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.gone)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.mu.Lock()
			c.lines = append(c.lines, lines.Text())
			close(c.news)
			c.news = make(chan struct{})
			c.mu.Unlock()
		}
		_ = c.cmd.Wait() // it is killed more often than not
	}()
	t.Cleanup(func() { c.signal(t, syscall.SIGKILL); <-c.gone })
	return c
}

func (c *child) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	select {
	case <-c.gone:
	default:
		if err := c.cmd.Process.Signal(s); err != nil && s != syscall.SIGKILL {
			t.Fatal(err)
		}
	}
}

// await waits for a line that begins so.
func (c *child) await(t testing.TB, prefix string) {
	t.Helper()
	end := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		lines, news := c.lines, c.news
		c.mu.Unlock()
		for _, l := range lines {
			if strings.HasPrefix(l, prefix) {
				return
			}
		}
		select {
		case <-news:
		case <-end:
			t.Fatalf("the process says %q, and never %q", lines, prefix)
		}
	}
}
