package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/corrillo/corrillo/wire/admin"
)

type clusterCmd struct {
	Status clusterStatusCmd `cmd:"" help:"Show the members, what each owns, and the links between them. Exit code 1 when something is wrong."`
}

type clusterStatusCmd struct {
	AdminAddr string `key:"adminAddr" default:"127.0.0.1:3002" placeholder:"HOST:PORT" help:"Admin address of any member."`
	JSON      bool   `name:"json" help:"Print what the member answers."`
}

const (
	clusterTimeout = 10 * time.Second
	clusterMost    = 16 << 20 // bytes of an answer
)

// Run prints the state of the cluster. If something is wrong it returns an error with
// a line for each problem.
func (c *clusterStatusCmd) Run(p *program) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	ctx, done := context.WithTimeout(ctx, clusterTimeout)
	defer done()
	target, err := clusterURL(c.AdminAddr)
	if err != nil {
		return err
	}
	raw, err := askCluster(ctx, target)
	if err != nil {
		return err
	}
	var cluster admin.Cluster
	if err := json.Unmarshal(raw, &cluster); err != nil {
		return fmt.Errorf("%s does not answer as a member of a cluster does: %w", target, err)
	}
	if c.JSON {
		_, err = fmt.Fprintf(p.out, "%s\n", strings.TrimSpace(string(raw)))
	} else {
		err = printCluster(p.out, &cluster)
	}
	if err != nil {
		return err
	}
	var wrong []error
	for _, problem := range cluster.Problems() {
		wrong = append(wrong, errors.New(printable(problem)))
	}
	return errors.Join(wrong...)
}

// clusterURL turns an admin address into the URL to ask. Without a host it means this
// machine, as for a server that listens on all addresses.
func clusterURL(addr string) (string, error) {
	if addr == "off" {
		return "", errors.New("this server has no admin address (adminAddr: off): name that of another member with --admin-addr")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("--admin-addr %q is not HOST:PORT", addr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: admin.ClusterPath}).String(), nil
}

// askCluster fetches the answer of one member.
func askCluster(ctx context.Context, target string) (body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w; --admin-addr says where a member has its admin address", err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s: no member of a cluster answers there: it was started without --cluster-listen, or this is not its admin address (--admin-addr)", target)
	case http.StatusServiceUnavailable: // it says why
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return nil, fmt.Errorf("%s: the server there is not a member yet: %s", target, printable(strings.TrimSpace(string(why))))
	default:
		return nil, fmt.Errorf("%s: %s", target, resp.Status)
	}
	if body, err = io.ReadAll(io.LimitReader(resp.Body, clusterMost)); err != nil {
		return nil, fmt.Errorf("%s: %w", target, err)
	}
	return body, nil
}

// printCluster prints a table of members and one of links.
func printCluster(w io.Writer, c *admin.Cluster) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) } // Flush says what failed
	line("generation %d, as %s sees it", c.Generation, printable(c.Self))
	line("")
	line("NODE\tADDRESS\tSTATE\tSINCE\tVERSION\tVIEW\tLEASE\tUSERS\tCONVERSATIONS\tSESSIONS\tUNSETTLED\tHELD")
	for i := range c.Nodes {
		n := &c.Nodes[i]
		head := fmt.Sprintf("%s\t%s\t%s\t%d", printable(n.ID), printable(n.Address), printable(n.State), n.Since)
		if n.Error != "" {
			line("%s\tno answer\t-\t-\t-\t-\t-\t-\t-", head) // a row of fewer cells would end the columns
			continue
		}
		line("%s\t%s\t%d\t%s\t%d\t%d\t%d\t%d\t%d", head, printable(orDash(n.Version)), n.Generation, lease(n), n.Users, n.Conversations, n.Sessions, n.Unsettled, n.Held)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	line("")
	line("FROM\tTO\tLINK\tQUEUED\tBYTES\tRTT")
	for i := range c.Nodes {
		for _, l := range c.Nodes[i].Links {
			line("%s\t%s\t%s\t%d\t%d\t%s", printable(c.Nodes[i].ID), printable(l.To), upOrDown(l.Up), l.Queued, l.QueuedBytes, roundTrip(l.RTTMs))
		}
	}
	return t.Flush()
}

func lease(n *admin.ClusterNode) string {
	if !n.LeaseValid {
		return "lapsed"
	}
	if n.LeaseMs == 0 { // it does not say how long
		return "valid"
	}
	return fmt.Sprintf("%.1fs", float64(n.LeaseMs)/1000)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "DOWN"
}

func roundTrip(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2fms", ms)
}
