package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/corrillo/corrillo/actors"
)

// bounds describes what the actors' Stats say of their bounds, what is near one
// and what was refused at one, and returns what tells it.
func (s *snapshot) bounds() func(emit emitter, v *actors.Stats) {
	full := s.desc("overload_ratio", "How full the fullest lane is: typing and presence wait from 0.5 on, joins are refused from 0.75 on, messages from 1 on.")
	shed := s.desc("shed_total", "What was left undone because the server was too full, by kind.", "kind")
	unanswered := s.desc("requests_unanswered", "Requests of clients that are not answered yet.")
	refused := s.desc("conversation_refused_total", "Requests that a conversation refused: its next group was full (group), too many waited (waiting), or it took no further participant (participants).", "bound")
	reads := s.desc("store_reads", "Reads of the store under way or waiting, by who asks.", "by")
	readsRefused := s.desc("store_reads_refused_total", "Reads of the store that were refused because too many waited, by who asks.", "by")
	seen := s.desc("last_seen_waiting", "Last-seen times that are yet to be written.")
	seenDropped := s.desc("last_seen_dropped_total", "Last-seen times that were not kept because too many waited.")
	closed := s.desc("relay_listeners_closed_total", "Conversations whose listeners were disconnected because the order could not be kept.")
	return func(emit emitter, v *actors.Stats) {
		emit(full, gauge, v.Fullness)
		for kind, n := range v.Shed {
			emit(shed, counter, float64(n), kind)
		}
		emit(unanswered, gauge, float64(v.Hub.Unanswered))
		emit(refused, counter, float64(v.Crowded), "group")
		emit(refused, counter, float64(v.TooMany), "waiting")
		emit(refused, counter, float64(v.Full), "participants")
		emit(reads, gauge, float64(v.ReadsPending), "conversations")
		emit(reads, gauge, float64(v.SessionReadsPending), "sessions")
		emit(readsRefused, counter, float64(v.ReadsRefused), "conversations")
		emit(readsRefused, counter, float64(v.SessionReadsRefused), "sessions")
		emit(seen, gauge, float64(v.LastSeenWaiting))
		emit(seenDropped, counter, float64(v.LastSeenDropped))
		emit(closed, counter, float64(v.Hub.ListenersClosed))
	}
}

// rememberedCollector reads what the webhook keeps for repeats.
func rememberedCollector(remembered func() (now int, forgotten int64)) prometheus.Collector {
	s := &snapshot{}
	kept := s.desc("webhook_remembered_answers", "Answers that are kept for repeats of webhook requests.")
	gone := s.desc("webhook_forgotten_answers_total", "Answers to webhook requests that had to make room for others.")
	s.read = func(emit emitter) {
		now, forgotten := remembered()
		emit(kept, gauge, float64(now))
		emit(gone, counter, float64(forgotten))
	}
	return s
}
