package peers

import (
	"fmt"
	"unicode/utf8"

	"github.com/corrillo/corrillo/wire/peers/internal/linkpb"
)

// maxName bounds each text of a Hello, in bytes.
const maxName = 512

// hello makes this node's Hello. to is the id of the node that it dials, empty when
// it answers.
func (p *Peers) hello(to string) *linkpb.Hello {
	return &linkpb.Hello{
		Cluster: p.o.Cluster, Node: p.o.Node, Address: p.o.Address, To: to,
		ProtocolMin: p.o.Protocol.Min, ProtocolMax: p.o.Protocol.Max,
		Schema: int64(p.o.Schema), Build: p.o.Build,
	}
}

// judge checks another node's Hello and returns it with the highest version that
// both nodes speak. An error says why this node does not want a link with the other
// one. certified is the node that the certificate is for; empty when the certificate
// does not tell.
func (p *Peers) judge(h *linkpb.Hello, certified string) (Hello, uint32, error) {
	if h == nil {
		return Hello{}, 0, fmt.Errorf("it did not say who it is")
	}
	for _, text := range []string{h.GetCluster(), h.GetNode(), h.GetAddress(), h.GetTo(), h.GetBuild()} {
		if len(text) > maxName || !utf8.ValidString(text) {
			return Hello{}, 0, fmt.Errorf("a name in its hello is too long or no text")
		}
	}
	got := Hello{
		Cluster: h.GetCluster(), Node: h.GetNode(), Address: h.GetAddress(),
		Protocol: Range{h.GetProtocolMin(), h.GetProtocolMax()}, Schema: int(h.GetSchema()), Build: h.GetBuild(),
	}
	version := min(got.Protocol.Max, p.o.Protocol.Max)
	switch {
	case got.Cluster != p.o.Cluster:
		return got, 0, fmt.Errorf("node %q is of cluster %q, and node %q of cluster %q", got.Node, got.Cluster, p.o.Node, p.o.Cluster)
	case got.Node == "":
		return got, 0, fmt.Errorf("it has no id")
	case got.Node == p.o.Node:
		return got, 0, fmt.Errorf("node %q reached itself", got.Node)
	case certified != "" && certified != got.Node:
		return got, 0, fmt.Errorf("it says that it is node %q, its certificate says %q", got.Node, certified)
	case h.GetTo() != "" && h.GetTo() != p.o.Node:
		return got, 0, fmt.Errorf("this is node %q, not node %q", p.o.Node, h.GetTo())
	case version < got.Protocol.Min || version < p.o.Protocol.Min:
		return got, 0, fmt.Errorf("node %q (%s) speaks versions %d to %d of the nodes' protocol, node %q (%s) speaks %d to %d",
			got.Node, got.Build, got.Protocol.Min, got.Protocol.Max, p.o.Node, p.o.Build, p.o.Protocol.Min, p.o.Protocol.Max)
	}
	if err := p.o.Compatible(got); err != nil {
		return got, 0, fmt.Errorf("node %q (%s) does not fit node %q (%s): %w", got.Node, got.Build, p.o.Node, p.o.Build, err)
	}
	return got, version, nil
}
