// Package deploy is what deploys the server, and its tests hold it to the
// settings that there are. To Go programs it gives haproxy.cfg, so that nobody
// measures or attacks another balancer than the one that users get.
package deploy

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

//go:embed haproxy.cfg
var haproxy string

// HAProxy is where haproxy.cfg is to stand when the nodes are no names of a
// Compose network. What a field does not say is as in the file.
type HAProxy struct {
	// Bind is where clients come, in HAProxy's words: "127.0.0.1:3001", "fd@3".
	Bind string
	// Nodes are at least one; they stand in the file in this order.
	Nodes []Node
	// Balance is how requests are spread over the nodes that are ready:
	// "roundrobin".
	Balance string
	// Connections bounds those of clients; each takes two descriptors.
	Connections int
	// Quiet leaves out the lines about requests.
	Quiet bool
}

// Node is one for HAProxy.
type Node struct {
	Name string // for its log
	Addr string // host:port for clients
}

// change is one of haproxy.cfg: what is found, so many times (-1: any number),
// becomes by.
type change struct {
	find  string
	times int
	by    string
}

// Text is the file for HAProxy. Without its comments it is haproxy.cfg line for
// line, but for those that the fields are about.
func (h *HAProxy) Text() (string, error) {
	if len(h.Nodes) == 0 {
		return "", errors.New("HAProxy without a node")
	}
	var servers strings.Builder
	for _, n := range h.Nodes {
		fmt.Fprintf(&servers, "    server %s %s\n", n.Name, n.Addr)
	}
	changes := []change{
		{`^ *#.*\n`, -1, ""},
		{`^resolvers docker\n(?: .*\n)+\n`, 1, ""},
		{`^.* resolvers docker .*\n`, 1, ""},
		{`(?:^    server .*\n)+`, 2, servers.String()},
	}
	if h.Bind != "" {
		changes = append(changes, change{`^    bind .*$`, 1, "    bind " + h.Bind})
	}
	if h.Balance != "" {
		changes = append(changes, change{`^    balance leastconn$`, 1, "    balance " + h.Balance})
	}
	if h.Connections != 0 {
		changes = append(changes, change{`^    maxconn .*$`, 1, fmt.Sprint("    maxconn ", h.Connections)})
	}
	if h.Quiet {
		changes = append(changes, change{`^    (?:log |option (?:httplog|dontlognull)$).*\n`, 4, ""})
	}
	text := haproxy
	for _, c := range changes {
		find := regexp.MustCompile(`(?m)` + c.find)
		if n := len(find.FindAllString(text, -1)); c.times >= 0 && n != c.times {
			return "", fmt.Errorf("haproxy.cfg has %d of %s, want %d", n, c.find, c.times)
		}
		text = find.ReplaceAllLiteralString(text, c.by)
	}
	return text, nil
}
