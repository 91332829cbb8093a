package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/wire/peers"
	"github.com/corrillo/corrillo/wire/transport"
)

// nodeStats is the Stats of the parts of a node.
type nodeStats struct {
	keeper  nodes.Stats
	links   []peers.Link
	port    peers.Stats
	routing placement.Stats
	between actors.ClusterStats
}

// clusterCollector reads the Stats of a node of a cluster.
func clusterCollector(stats func() nodeStats) prometheus.Collector {
	s := &snapshot{}
	tell := []func(emitter, *nodeStats){s.membership(), s.links(), s.routing(), s.between(), s.whereabouts(), s.carried()}
	s.read = func(emit emitter) {
		v := stats()
		for _, t := range tell {
			t(emit, &v)
		}
	}
	return s
}

// membership describes the metrics of the members and of this node's lease.
func (s *snapshot) membership() func(emit emitter, v *nodeStats) {
	generation := s.desc("cluster_generation", "Generation of the view of the cluster that this node knows of; 0 before it is a member.")
	members := s.desc("cluster_members", "Members of the cluster in that view, by state.", "state")
	valid := s.desc("cluster_lease_valid", "1 while this node's lease is valid, else 0.")
	renewals := s.desc("cluster_lease_renewals_total", "Times that this node has renewed its lease.")
	failures := s.desc("cluster_registry_failures_total", "Times that the registry failed: the lease was not renewed, or the members could not be read.")
	proposed := s.desc("cluster_views_proposed_total", "Views that this node has proposed.")
	conflicts := s.desc("cluster_view_conflicts_total", "Of them, those where another node was first.")
	return func(emit emitter, v *nodeStats) {
		k := &v.keeper
		emit(generation, gauge, float64(k.Generation))
		emit(members, gauge, float64(k.Active), placement.Active.String())
		emit(members, gauge, float64(k.Leaving), placement.Leaving.String())
		emit(valid, gauge, oneIf(k.Valid))
		emit(renewals, counter, float64(k.Renewed))
		emit(failures, counter, float64(k.Failed))
		emit(proposed, counter, float64(k.Proposed))
		emit(conflicts, counter, float64(k.Conflicts))
	}
}

// links describes the metrics of the links to the other members and of the cluster
// port.
func (s *snapshot) links() func(emit emitter, v *nodeStats) {
	each := []string{"node", "address"}
	up := s.desc("cluster_link_up", "1 while this node and another node reach each other, else 0.", each...)
	items := s.desc("cluster_link_queued_items", "Items that another node has not acknowledged yet.", each...)
	bytes := s.desc("cluster_link_queued_bytes", "Bytes of the items that another node has not acknowledged yet.", each...)
	rtt := s.desc("cluster_link_rtt_seconds", "Time to another node and back, when it was last measured.", each...)
	sent := s.desc("cluster_link_sent_items_total", "Items sent to another node, those sent again counted again.", each...)
	resent := s.desc("cluster_link_resent_items_total", "Items sent to another node again, after a connection broke.", each...)
	full := s.desc("cluster_link_refused_items_total", "Items for another node that were not taken, since too much waited for it.", each...)
	received := s.desc("cluster_link_received_items_total", "Items from another node, each once.", each...)
	refused := s.desc("cluster_port_refused_total", "Connections between nodes that were refused: without a certificate of the cluster (stranger), or of a node that does not fit, by either side (unfit).", "reason")
	panics := s.desc("cluster_link_panics_total", "Panics in links between nodes; each is logged with its stack.")
	return func(emit emitter, v *nodeStats) {
		for i := range v.links {
			l := &v.links[i]
			if !l.Member {
				continue
			}
			for d, n := range map[*prometheus.Desc]float64{
				up: oneIf(l.Up), items: float64(l.QueuedItems), bytes: float64(l.QueuedBytes), rtt: l.RTT.Seconds(),
			} {
				emit(d, gauge, n, l.Node, l.Address)
			}
			for d, n := range map[*prometheus.Desc]uint64{sent: l.Sent, resent: l.Resent, full: l.Full, received: l.Received} {
				emit(d, counter, float64(n), l.Node, l.Address)
			}
		}
		emit(refused, counter, float64(v.port.Strangers), "stranger")
		emit(refused, counter, float64(v.port.Refusals), "unfit")
		emit(panics, counter, float64(v.port.Panics))
	}
}

// routing describes the metrics of users and conversations that move between nodes.
func (s *snapshot) routing() func(emit emitter, v *nodeStats) {
	unsettled := s.desc("cluster_unsettled_views", "Changes of the view that not every member has settled, as far as this node knows.")
	leaving := s.desc("cluster_leaving_actors", "Actors of this node whose id has moved to another node and that are not gone yet.")
	ids := s.desc("cluster_held_ids", "Ids whose messages wait until it is settled who has them.")
	messages := s.desc("cluster_held_messages", "Messages that wait for them.")
	bytes := s.desc("cluster_held_bytes", "Bytes of those messages.")
	refused := s.desc("cluster_commands_refused_total", "Commands of other nodes' clients and back ends that were refused here, since too much waited, and whose senders were told.")
	unanswered := s.desc("cluster_commands_unanswered", "Commands of this node's clients that other nodes have not answered yet.")
	moved := s.desc("cluster_moved_messages_total", "Messages that waited for an id that moved (held), came back (returned), were sent back (bounced), or were told again after their node had gone (retold).", "what")
	strays := s.desc("cluster_strays_total", "Items of other nodes that this one did not understand.")
	return func(emit emitter, v *nodeStats) {
		r := &v.routing
		emit(unsettled, gauge, float64(r.Unsettled))
		emit(leaving, gauge, float64(r.Leaving))
		emit(ids, gauge, float64(r.HeldIDs))
		emit(messages, gauge, float64(r.Waiting.Messages))
		emit(bytes, gauge, float64(r.Waiting.Bytes))
		emit(refused, counter, float64(v.between.Refused))
		emit(unanswered, gauge, float64(r.Unanswered))
		emit(moved, counter, float64(r.Held), "held")
		emit(moved, counter, float64(r.Returned), "returned")
		emit(moved, counter, float64(r.Bounced), "bounced")
		emit(moved, counter, float64(r.Retold), "retold")
		emit(strays, counter, float64(v.between.Strays))
	}
}

// between describes the metrics of messages for which a link was full, or which were
// too large for it.
func (s *snapshot) between() func(emit emitter, v *nodeStats) {
	waiting := s.desc("cluster_outbox_waiting", "Messages that must reach another node and wait for room on its link.")
	refused := s.desc("cluster_outbox_refused_total", "Messages for other nodes that were refused for want of room, and whose senders were told.")
	unlinked := s.desc("cluster_outbox_unlinked_total", "Messages for other nodes to which there was no link yet, or any more, and whose senders were told to try again.")
	left := s.desc("cluster_outbox_left_out_total", "Events and answers for clients of other nodes that were left out for want of room; those clients were made to catch up.")
	large := s.desc("cluster_outbox_too_large_total", "Answers for clients of other nodes that were refused as payload_too_large, since no item has room for them.")
	return func(emit emitter, v *nodeStats) {
		emit(waiting, gauge, float64(v.between.Out.Waiting))
		emit(refused, counter, float64(v.between.Out.Refused))
		emit(unlinked, counter, float64(v.between.Out.Unlinked))
		emit(left, counter, float64(v.between.Out.Left))
		emit(large, counter, float64(v.between.Out.Large))
	}
}

// whereabouts describes the metrics of what is known of other nodes' users.
func (s *snapshot) whereabouts() func(emit emitter, v *nodeStats) {
	users := s.desc("cluster_known_users", "Users with a session on another node, for each node that they have one on, as far as this node was told.")
	kept := s.desc("cluster_kept_messages", "What is for people and was not sent to a node without them, kept until it is certain that they have not just come there.")
	blind := s.desc("cluster_blind_items_total", "Times that what is for people went to a node because it was not known who is there.")
	looks := s.desc("cluster_presence_questions", "Questions of this node's conversations about who is online, under way or waiting.")
	looksRefused := s.desc("cluster_presence_questions_refused_total", "Of them, those for which there was no room; they are asked again.")
	return func(emit emitter, v *nodeStats) {
		w := &v.between.Whereabouts
		emit(users, gauge, float64(w.Users))
		emit(kept, gauge, float64(w.Kept))
		emit(blind, counter, float64(w.Blind))
		emit(looks, gauge, float64(v.between.Looks))
		emit(looksRefused, counter, float64(v.between.LooksRefused))
	}
}

// carried describes the metrics of clients whose session is on another node than their
// socket.
func (s *snapshot) carried() func(emit emitter, v *nodeStats) {
	open := s.desc("cluster_carried_connections", "Connections of this node whose session lives on another one (here), and sessions of this node whose connection is at another one (there).", "side")
	counts := s.desc("cluster_carried_total", "Connections of this node that named a session of another one: taken up there (opened), given a new session (refused), ended after they were taken up (closed); and those closed for want of room on the link (overloaded).", "what")
	served := s.desc("cluster_requests_served_total", "Requests of clients that other nodes passed on to this one.")
	return func(emit emitter, v *nodeStats) {
		c := &v.between.Carried
		emit(open, gauge, float64(c.Here), "here")
		emit(open, gauge, float64(c.There), "there")
		emit(counts, counter, float64(c.Opened), "opened")
		emit(counts, counter, float64(c.Refused), "refused")
		emit(counts, counter, float64(c.Closed), "closed")
		emit(counts, counter, float64(c.Overloaded), "overloaded")
		emit(served, counter, float64(v.port.Served))
	}
}

// passages describes the metrics of requests that other nodes answer, and returns the
// function that emits them.
func (s *snapshot) passages() func(emit emitter, v *transport.Stats) {
	now := s.desc("cluster_requests_passing_on", "Polls, POSTs and WebSockets of clients that another node answers now.")
	all := s.desc("cluster_requests_passed_on_total", "Requests of clients that other nodes were asked to answer.")
	return func(emit emitter, v *transport.Stats) {
		emit(now, gauge, float64(v.PassingOn))
		emit(all, counter, float64(v.PassedOn))
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
