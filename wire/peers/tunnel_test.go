package peers

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// A WebSocket that goes through a node to another one lasts: what it keeps
// counts for each client.
func TestForward_IdleWebSocketCostsLittle(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) {
		o.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, _, err := ws.UpgradeHTTP(r, w)
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			for {
				m, op, err := wsutil.ReadClientData(conn)
				if err != nil || wsutil.WriteServerMessage(conn, op, m) != nil {
					return
				}
			}
		})
	})
	join(a, b)
	address := "ws" + strings.TrimPrefix(front(t, a, "b").URL, "http")
	open := func(n int) {
		for range n {
			conn, _, _, err := ws.Dial(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			if err := wsutil.WriteClientText(conn, []byte("x")); err != nil {
				t.Fatal(err)
			}
			if got, err := wsutil.ReadServerText(conn); string(got) != "x" {
				t.Fatalf("got %q, %v", got, err)
			}
		}
	}
	const many = 60
	open(10)
	before := inUse()
	open(many)
	each := (inUse() - before) / many
	t.Logf("%d KiB for a WebSocket at its client and both nodes", each>>10)
	if each > 100<<10 {
		t.Errorf("an idle WebSocket keeps %d KiB", each>>10)
	}
}
