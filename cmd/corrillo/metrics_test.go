package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/away"
	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/peers"
	"github.com/corrillo/corrillo/wire/transport"
	"github.com/corrillo/corrillo/wire/webhook"
)

// full registers every metric that serve has, over made-up Stats.
func full(t *testing.T) (*prometheus.Registry, *metrics) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	m := newMetrics(r, []string{"call_offer"})
	m.flushed(3, time.Millisecond, nil)
	m.flushed(1, time.Second, errors.New("away"))
	m.commanded(wire.EventSendMessage, "")
	m.commanded(wire.EventSendMessage, wire.CodeForbidden)
	r.MustRegister(
		storeCollector(func() repo.Stats { return repo.Stats{Rows: 4, OpenConns: 3, InUse: 1} }),
		actorsCollector(func() actors.Stats {
			return actors.Stats{
				WriterGroups: []int64{1, 0}, WriterBytes: []int64{10, 0}, Mailboxes: map[string]int{"relay-0": 2},
				Fullness: .75, Shed: map[string]int64{"join": 3}, Crowded: 1, SessionReadsPending: 2,
			}
		}),
		rememberedCollector(func() (int, int64) { return 2, 1 }),
		socketsCollector(func() transport.Stats {
			return transport.Stats{
				Conns:   map[string]int{"plain/websocket": 2},
				Closed:  map[wire.CloseReason]uint64{wire.CloseSlow: 1},
				Refused: map[string]uint64{"rate_limited": 1},
				// as on a node of a cluster
				PassingOn: 1, PassedOn: 7,
			}
		}, true),
		clusterCollector(func() nodeStats {
			return nodeStats{
				keeper: nodes.Stats{Generation: 5, Active: 2, Leaving: 1, Valid: true, Failed: 3},
				links: []peers.Link{
					{Node: "b", Address: "10.0.0.2:7946", Member: true, Up: true, QueuedItems: 2, QueuedBytes: 300, RTT: 2 * time.Millisecond, Sent: 9, Resent: 1},
					{Node: "c", Address: "10.0.0.3:7946", Member: true, Full: 4},
					{Node: "d", Address: "10.0.0.4:7946"},
				},
				port:    peers.Stats{Strangers: 2},
				routing: placement.Stats{HeldIDs: 6, Retold: 8},
				between: actors.ClusterStats{Out: outbox.Stats{Left: 3}, Carried: away.Stats{Here: 1}},
			}
		}),
		webhookCollector(func() []webhook.Stat {
			return []webhook.Stat{{Endpoint: "emit", Result: "ok", Count: 2}}
		}),
	)
	return r, m
}

// Names, units, types and help follow Prometheus' conventions.
func TestMetrics_Lint(t *testing.T) {
	r, _ := full(t)
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetrics_Values(t *testing.T) {
	r, _ := full(t)
	want := `
# HELP corrillo_cluster_held_ids Ids whose messages wait until it is settled who has them.
# TYPE corrillo_cluster_held_ids gauge
corrillo_cluster_held_ids 6
# HELP corrillo_cluster_lease_valid 1 while this node's lease is valid, else 0.
# TYPE corrillo_cluster_lease_valid gauge
corrillo_cluster_lease_valid 1
# HELP corrillo_cluster_link_refused_items_total Items for another node that were not taken, since too much waited for it.
# TYPE corrillo_cluster_link_refused_items_total counter
corrillo_cluster_link_refused_items_total{address="10.0.0.2:7946",node="b"} 0
corrillo_cluster_link_refused_items_total{address="10.0.0.3:7946",node="c"} 4
# HELP corrillo_cluster_link_up 1 while this node and another node reach each other, else 0.
# TYPE corrillo_cluster_link_up gauge
corrillo_cluster_link_up{address="10.0.0.2:7946",node="b"} 1
corrillo_cluster_link_up{address="10.0.0.3:7946",node="c"} 0
# HELP corrillo_cluster_members Members of the cluster in that view, by state.
# TYPE corrillo_cluster_members gauge
corrillo_cluster_members{state="active"} 2
corrillo_cluster_members{state="leaving"} 1
# HELP corrillo_cluster_requests_passed_on_total Requests of clients that other nodes were asked to answer.
# TYPE corrillo_cluster_requests_passed_on_total counter
corrillo_cluster_requests_passed_on_total 7
# HELP corrillo_connections Connections of clients, by dialect and transport.
# TYPE corrillo_connections gauge
corrillo_connections{dialect="plain",transport="websocket"} 2
corrillo_connections{dialect="socketio",transport="polling"} 0
corrillo_connections{dialect="socketio",transport="websocket"} 0
# HELP corrillo_events_total Events from clients, by name and immediate result: ok or the error code.
# TYPE corrillo_events_total counter
corrillo_events_total{event="send_message",result="forbidden"} 1
corrillo_events_total{event="send_message",result="ok"} 1
# HELP corrillo_conversation_refused_total Requests that a conversation refused: its next group was full (group), too many waited (waiting), or it took no further participant (participants).
# TYPE corrillo_conversation_refused_total counter
corrillo_conversation_refused_total{bound="group"} 1
corrillo_conversation_refused_total{bound="participants"} 0
corrillo_conversation_refused_total{bound="waiting"} 0
# HELP corrillo_mailbox_depth Messages that wait in a lane's mailbox.
# TYPE corrillo_mailbox_depth gauge
corrillo_mailbox_depth{lane="relay-0"} 2
# HELP corrillo_overload_ratio How full the fullest lane is: typing and presence wait from 0.5 on, joins are refused from 0.75 on, messages from 1 on.
# TYPE corrillo_overload_ratio gauge
corrillo_overload_ratio 0.75
# HELP corrillo_shed_total What was left undone because the server was too full, by kind.
# TYPE corrillo_shed_total counter
corrillo_shed_total{kind="join"} 3
# HELP corrillo_store_connections Connections to the database, by state.
# TYPE corrillo_store_connections gauge
corrillo_store_connections{state="idle"} 2
corrillo_store_connections{state="in_use"} 1
# HELP corrillo_store_flush_errors_total Transactions that failed in whole.
# TYPE corrillo_store_flush_errors_total counter
corrillo_store_flush_errors_total 1
# HELP corrillo_store_pending_groups Conversations' groups that wait to be written or are being written, by lane.
# TYPE corrillo_store_pending_groups gauge
corrillo_store_pending_groups{lane="persistence-0"} 1
corrillo_store_pending_groups{lane="persistence-1"} 0
# HELP corrillo_store_reads Reads of the store under way or waiting, by who asks.
# TYPE corrillo_store_reads gauge
corrillo_store_reads{by="conversations"} 0
corrillo_store_reads{by="sessions"} 2
# HELP corrillo_webhook_forgotten_answers_total Answers to webhook requests that had to make room for others.
# TYPE corrillo_webhook_forgotten_answers_total counter
corrillo_webhook_forgotten_answers_total 1
# HELP corrillo_webhook_requests_total Requests of back ends, by endpoint and result: ok, repeat or the error code.
# TYPE corrillo_webhook_requests_total counter
corrillo_webhook_requests_total{endpoint="emit",result="ok"} 2
`
	if err := testutil.GatherAndCompare(r, strings.NewReader(want), "corrillo_cluster_held_ids", "corrillo_cluster_lease_valid",
		"corrillo_cluster_link_refused_items_total", "corrillo_cluster_link_up", "corrillo_cluster_members", "corrillo_cluster_requests_passed_on_total", "corrillo_connections", "corrillo_conversation_refused_total", "corrillo_events_total",
		"corrillo_overload_ratio", "corrillo_shed_total", "corrillo_store_reads", "corrillo_webhook_forgotten_answers_total",
		"corrillo_mailbox_depth", "corrillo_store_pending_groups", "corrillo_store_connections", "corrillo_store_flush_errors_total", "corrillo_webhook_requests_total"); err != nil {
		t.Error(err)
	}
}

// A name that a client made up must not become a series of its own.
func TestMetrics_NamesAreBounded(t *testing.T) {
	r, m := full(t)
	for i := range 100 {
		m.commanded(strings.Repeat("x", i), wire.CodeInvalidPayload)
	}
	m.commanded("call_offer", "")
	n, err := testutil.GatherAndCount(r, "corrillo_events_total")
	if err != nil {
		t.Fatal(err)
	}
	if n != 4 { // send_message twice, unknown, call_offer
		t.Errorf("%d series", n)
	}
}
