package peers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/corrillo/corrillo/wire/peers/internal/linkpb"
)

// knock makes a TLS connection to a node with a certificate, if any, and says
// what comes of it when something is asked for by HTTP.
func knock(t *testing.T, n *node, certificate func() *tls.Certificate) (string, error) {
	t.Helper()
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protoHTTP}}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate()}
	}
	conn, err := tls.Dial("tcp", n.Addr().String(), config)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func minted(t *testing.T, secret string, from, until time.Time) func() *tls.Certificate {
	t.Helper()
	m := mintOf(t, secret)
	return func() *tls.Certificate {
		c, err := m.sign("stranger", from, until)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func TestStranger_IsNotHeard(t *testing.T) {
	asked := make(chan struct{}, 10)
	n := start(t, "a", func(o *Options) {
		o.HTTP = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} })
	})
	now := time.Now()
	for name, c := range map[string]struct {
		certificate func() *tls.Certificate
		says        string
	}{
		"no certificate":       {nil, "certificate required"},
		"another secret":       {minted(t, strings.Repeat("x", MinSecret), now.Add(-time.Hour), now.Add(time.Hour)), "bad certificate"},
		"a certificate of old": {minted(t, string(testSecret), now.Add(-2*time.Hour), now.Add(-time.Hour)), "bad certificate"},
		"one not yet good":     {minted(t, string(testSecret), now.Add(time.Hour), now.Add(2*time.Hour)), "bad certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := knock(t, n, c.certificate)
			if answer != "" || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, %v; want %q", answer, err, c.says)
			}
		})
	}
	t.Run("no TLS", func(t *testing.T) {
		conn, err := net.Dial("tcp", n.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		answer, _ := io.ReadAll(conn)
		if strings.Contains(string(answer), "HTTP/1.1 2") {
			t.Errorf("got %q", answer)
		}
	})
	t.Run("an old TLS", func(t *testing.T) {
		conn, err := tls.Dial("tcp", n.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		if err == nil {
			_ = conn.Close()
			t.Error("TLS 1.2 was taken")
		}
	})
	select {
	case <-asked:
		t.Error("a request of a stranger was served")
	default:
	}
	n.await("counted", func() bool { return n.Stats().Strangers == 6 })
	// One with a good certificate gets as far as to be asked what it wants.
	answer, _ := knock(t, n, minted(t, string(testSecret), now.Add(-time.Hour), now.Add(time.Hour)))
	if !strings.HasPrefix(answer, "HTTP/1.1 421") {
		t.Errorf("with a certificate: %q", answer)
	}
}

func TestSharedSecret_TooShort(t *testing.T) {
	if _, err := SharedSecret(make([]byte, MinSecret-1)); err == nil {
		t.Error("31 bytes were taken")
	}
}

// client is a gRPC client with a certificate of the cluster.
func client(t *testing.T, n *node) *grpc.ClientConn {
	t.Helper()
	other := start(t, "client", nil)
	conn, err := other.dialTLS(t.Context(), n.Addr().String(), protoLinks, n.id)
	if err != nil {
		t.Fatal(err)
	}
	cc, err := newClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close(); _ = conn.Close() })
	return cc
}

func TestGRPC_HasNothingElse(t *testing.T) {
	n := start(t, "a", nil)
	cc := client(t, n)
	for _, method := range []string{
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
		"/grpc.health.v1.Health/Check",
		"/remote.Remoting/Receive",
	} {
		s, err := cc.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
		if err == nil {
			err = s.RecvMsg(&linkpb.Back{})
		}
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// What a node says that does not keep to the protocol ends its stream, and
// nothing of it is taken.
func TestLink_BadMessages(t *testing.T) {
	hello := func() *linkpb.Forth {
		return &linkpb.Forth{Hello: &linkpb.Hello{Cluster: "test", Node: "client", Address: "127.0.0.1:1", ProtocolMin: 1, ProtocolMax: 1}}
	}
	with := func(change func(*linkpb.Hello)) *linkpb.Forth { m := hello(); change(m.Hello); return m }
	unknown := &linkpb.Forth{}
	unknown.ProtoReflect().SetUnknown([]byte{0xa2, 0x06, 1, 'x'}) // field 100
	unknownBeat := &linkpb.Forth{Beat: &linkpb.Beat{}}
	unknownBeat.Beat.ProtoReflect().SetUnknown([]byte{0xa2, 0x06, 1, 'x'})
	later := with(func(h *linkpb.Hello) { h.ProtoReflect().SetUnknown([]byte{0xa2, 0x06, 1, 'x'}) })
	items := func(first uint64, items ...string) *linkpb.Forth {
		m := &linkpb.Forth{First: first}
		for _, s := range items {
			m.Items = append(m.Items, []byte(s))
		}
		return m
	}
	for name, c := range map[string]struct {
		says    []*linkpb.Forth
		code    codes.Code
		message string
		guest   bool
	}{
		"no hello":               {[]*linkpb.Forth{{}}, codes.FailedPrecondition, "did not say who it is", false},
		"no name":                {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.Node = "" })}, codes.FailedPrecondition, "no id", false},
		"a name too long":        {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.Build = strings.Repeat("x", 600) })}, codes.FailedPrecondition, "too long", false},
		"another's name":         {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.Node = "b" })}, codes.FailedPrecondition, `its certificate says "client"`, false},
		"this node's name":       {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.Node = "a" })}, codes.FailedPrecondition, "reached itself", false},
		"another cluster":        {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.Cluster = "other" })}, codes.FailedPrecondition, `is of cluster "other"`, false},
		"meant for another":      {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.To = "z" })}, codes.FailedPrecondition, `this is node "a", not node "z"`, false},
		"a later protocol":       {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.ProtocolMin, h.ProtocolMax = 2, 3 })}, codes.FailedPrecondition, "speaks versions 2 to 3", false},
		"an earlier protocol":    {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.ProtocolMin, h.ProtocolMax = 0, 0 })}, codes.FailedPrecondition, "speaks versions 0 to 0", false},
		"another build":          {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.Build = "v9" })}, codes.FailedPrecondition, "v9 is too new", false},
		"a guest nowhere":        {[]*linkpb.Forth{with(func(h *linkpb.Hello) { h.Address = "" })}, codes.FailedPrecondition, "does not say where", true},
		"a second hello":         {[]*linkpb.Forth{hello(), hello()}, codes.Aborted, "not agreed on", false},
		"a field nobody knows":   {[]*linkpb.Forth{hello(), unknown}, codes.Aborted, "not agreed on", false},
		"one in a beat":          {[]*linkpb.Forth{hello(), unknownBeat}, codes.Aborted, "not agreed on", false},
		"a hole":                 {[]*linkpb.Forth{hello(), items(2, "x")}, codes.Aborted, "item 2 after item 0", false},
		"no number":              {[]*linkpb.Forth{hello(), items(0, "x")}, codes.Aborted, "without a number", false},
		"numbers without end":    {[]*linkpb.Forth{hello(), items(^uint64(0), "x", "y")}, codes.Aborted, "after item 0", false},
		"items of a guest":       {[]*linkpb.Forth{hello(), items(1, "x")}, codes.Aborted, "not in the cluster", true},
		"its own refusal":        {[]*linkpb.Forth{hello(), {Refused: "no"}}, codes.Aborted, "no", false},
		"nothing any more":       {[]*linkpb.Forth{hello()}, codes.Aborted, "nothing was heard", false},
		"nothing at all":         {nil, codes.Aborted, "nothing was heard", false},
		"a hello of a later one": {[]*linkpb.Forth{later}, codes.Aborted, "nothing was heard", false}, // it is taken
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, "a", func(o *Options) {
				if o.Silence = patience; c.message == "nothing was heard" {
					o.Silence = 500 * time.Millisecond
				}
				o.Compatible = func(h Hello) error {
					if h.Build == "v9" {
						return status.Error(codes.Unknown, "v9 is too new")
					}
					return nil
				}
			})
			if !c.guest {
				n.Set([]Peer{{ID: "client", Address: "127.0.0.1:1"}})
			}
			s, err := linkpb.NewLinksClient(client(t, n)).Link(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range c.says {
				_ = s.Send(m) // the first may have ended it
			}
			for err == nil {
				_, err = s.Recv()
			}
			if st := status.Convert(err); st.Code() != c.code || !strings.Contains(st.Message(), c.message) {
				t.Errorf("got %v", err)
			}
			if got := n.from("client"); len(got) > 0 {
				t.Errorf("it took %q", got)
			}
		})
	}
}

// A header that says that one is another node is of no use.
func TestLink_MetadataMeansNothing(t *testing.T) {
	n := start(t, "a", nil)
	ctx := metadata.AppendToOutgoingContext(t.Context(), headerFrom, "b")
	s, err := linkpb.NewLinksClient(client(t, n)).Link(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Send(&linkpb.Forth{})
	if _, err := s.Recv(); status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
}

// Both say why one does not want the other, and say it once.
func TestLink_RefusalIsSeenByBoth(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) { o.Protocol = Range{2, 3}; o.Build = "v2" })
	a.Set([]Peer{a.peer(), b.peer()})
	b.Set([]Peer{a.peer(), b.peer()})
	for n, other := range map[*node]string{a: "b", b: "a"} {
		n.await("refused several times", func() bool { return n.Stats().Refusals > 3 })
		l := n.link(other)
		if l.Up || !strings.Contains(l.Refusal, "1 to 1") || !strings.Contains(l.Refusal, "2 to 3") {
			t.Errorf("%+v", l)
		}
		if said := strings.Count(n.logs.String(), "was refused"); said != 1 {
			t.Errorf("said %d times: %s", said, n.logs)
		}
	}
}

// Only one of both may know that they do not fit.
func TestLink_OneRefuses(t *testing.T) {
	for name, order := range map[string][]string{"the lower": {"a", "b"}, "the higher": {"b", "a"}} {
		t.Run(name, func(t *testing.T) {
			refuses := start(t, order[0], func(o *Options) {
				o.Compatible = func(h Hello) error { return x509.UnknownAuthorityError{} }
			})
			other := start(t, order[1], nil)
			refuses.Set([]Peer{other.peer()})
			other.Set([]Peer{refuses.peer()})
			for n, id := range map[*node]string{refuses: other.id, other: refuses.id} {
				n.await("refused", func() bool { return strings.Contains(n.link(id).Refusal, "does not fit") })
				if n.Up()[id] {
					t.Error("up")
				}
			}
		})
	}
}

func TestLink_AdjacentVersionsTalk(t *testing.T) {
	a := start(t, "a", func(o *Options) { o.Protocol = Range{1, 2} })
	b := start(t, "b", func(o *Options) { o.Protocol = Range{2, 3} })
	join(a, b)
	if a.link("b").Version != 2 || b.link("a").Version != 2 {
		t.Errorf("%+v %+v", a.State(), b.State())
	}
}

func mintOf(t *testing.T, secret string) *mint {
	t.Helper()
	m, err := newMint([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// writeFiles makes certificates of an authority as files.
func writeFiles(t *testing.T, dir, secret, name string) (cert, key, ca string) {
	t.Helper()
	m := mintOf(t, secret)
	c, err := m.sign(name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, ca = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	writePEM(t, cert, "CERTIFICATE", c.Certificate[0])
	writePEM(t, key, "PRIVATE KEY", der)
	writePEM(t, ca, "CERTIFICATE", m.ca.Raw)
	return cert, key, ca
}

func TestCertificateFiles_AreReadAgain(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	var nodes []*node
	for i, dir := range dirs {
		identity, err := CertificateFiles(writeFiles(t, dir, string(testSecret), "whatever"))
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, start(t, string(rune('a'+i)), func(o *Options) { o.Identity = identity }))
	}
	join(nodes...)
	// One of the nodes gets certificates of another authority, then both have.
	next := strings.Repeat("next", 8)
	writeFiles(t, dirs[0], next, "a longer name")
	for _, n := range nodes {
		n.breakAll()
	}
	nodes[0].awaitDown("b")
	nodes[0].await("refused", func() bool { return strings.Contains(nodes[0].link("b").Trouble, "certificate") })
	writeFiles(t, dirs[1], next, "a longer name")
	nodes[0].awaitUp("b")
	if err := os.Remove(filepath.Join(dirs[0], "key.pem")); err != nil { // what was read stays in use
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.breakAll()
	}
	nodes[0].awaitUp("b")
}

func TestCertificateFiles_Missing(t *testing.T) {
	cert, key, ca := writeFiles(t, t.TempDir(), string(testSecret), "a")
	for _, paths := range [][3]string{{"no", key, ca}, {cert, "no", ca}, {cert, key, "no"}, {cert, ca, key}, {cert, key, key}} {
		if _, err := CertificateFiles(paths[0], paths[1], paths[2]); err == nil {
			t.Errorf("taken: %v", paths)
		}
	}
}

// breakAll ends the streams that this node has dialed.
func (n *node) breakAll() {
	for _, pr := range *n.all.Load() {
		pr.mu.Lock()
		cut := pr.cut
		pr.mu.Unlock()
		if cut != nil {
			cut(context.Canceled)
		}
	}
}
