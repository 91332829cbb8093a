package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/corrillo/corrillo/bench/scenario"
	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/wire/admin"
)

// Shares returns what each running node owns, in the order of the nodes. It fails
// when a node does not answer the others, or is no member.
func (c *Cluster) Shares(ctx context.Context) ([]scenario.Share, error) {
	view, err := c.view(ctx)
	if err != nil {
		return nil, err
	}
	members := make(map[string]*admin.ClusterNode, len(view.Nodes))
	for i := range view.Nodes {
		members[view.Nodes[i].Address] = &view.Nodes[i]
	}
	var shares []scenario.Share
	for _, n := range c.nodes {
		if !n.Running() {
			continue
		}
		m := members[n.peer]
		if m == nil || m.Error != "" {
			return nil, fmt.Errorf("%s is no member, or does not answer: %+v", n.name, m)
		}
		shares = append(shares, scenario.Share{Users: m.Users, Conversations: m.Conversations, Unsettled: m.Unsettled})
	}
	return shares, nil
}

// view returns the cluster as the first node sees it.
func (c *Cluster) view(ctx context.Context) (view admin.Cluster, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.nodes[0].admin+admin.ClusterPath, nil)
	if err != nil {
		return view, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return view, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return view, fmt.Errorf("%s: %s", admin.ClusterPath, resp.Status)
	}
	return view, json.NewDecoder(resp.Body).Decode(&view)
}

// Traffic returns what has gone between the running nodes. Items are those that the
// links have sent to members. Bytes are those of the open connections to the cluster
// ports, as the kernel counts them (read with ss, package iproute2; 0 without it).
func (c *Cluster) Traffic(ctx context.Context) (t scenario.Traffic, err error) {
	for _, n := range c.nodes {
		if !n.Running() {
			continue
		}
		for prefix, sum := range map[string]*int64{
			"corrillo_cluster_link_sent_items_total":            &t.Items,
			`corrillo_cluster_moved_messages_total{what="held"`: &t.Held,
		} {
			v, err := server.Metric(ctx, n.admin, prefix)
			if err != nil {
				return t, err
			}
			*sum += int64(v)
		}
		bytes, err := bytesAt(ctx, n.peer)
		if err != nil {
			return t, err
		}
		t.Bytes += bytes
	}
	return t, nil
}

// bytesOf matches the byte counters of a connection in the output of ss.
var bytesOf = regexp.MustCompile(`\bbytes_(?:sent|received):(\d+)`)

// bytesAt adds up the bytes, in both directions, of the connections that were
// accepted at an address; 0 when ss is not there.
func bytesAt(ctx context.Context, addr string) (sum int64, err error) {
	ss, err := exec.LookPath("ss")
	if err != nil {
		return 0, nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, ss, "-tinH", "state", "established", "sport = :"+port).Output() //nolint:gosec // a number
	if err != nil {
		return 0, fmt.Errorf("ss: %w", err)
	}
	for _, m := range bytesOf.FindAllSubmatch(out, -1) {
		n, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
