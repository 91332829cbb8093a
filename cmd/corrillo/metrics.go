package main

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// metrics holds what is counted by hooks. What the parts count themselves is
// read from their Stats when somebody scrapes: see snapshot.
type metrics struct {
	events       *prometheus.CounterVec
	ackSeconds   prometheus.Histogram
	batchRows    prometheus.Histogram
	flushSeconds prometheus.Histogram
	flushErrors  prometheus.Counter
	known        map[string]bool // event names that may become a label
}

const namespace = "corrillo"

func newMetrics(r prometheus.Registerer, passthrough []string) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "events_total",
			Help: "Events from clients, by name and immediate result: ok or the error code.",
		}, []string{"event", "result"}),
		ackSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "ack_latency_seconds",
			Help:    "Time from reading a send_message to handing its message_ack to the connection.",
			Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}),
		batchRows: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "store_batch_rows",
			Help:    "Rows written in one transaction: messages, changes, participants.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
		}),
		flushSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "store_flush_duration_seconds",
			Help:    "Time of one transaction, retries included.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}),
		flushErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "store_flush_errors_total",
			Help: "Transactions that failed in whole.",
		}),
		known: map[string]bool{},
	}
	for _, name := range wire.ClientEvents() {
		m.known[name] = true
	}
	for _, name := range passthrough {
		m.known[name] = true
	}
	r.MustRegister(m.events, m.ackSeconds, m.batchRows, m.flushSeconds, m.flushErrors)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, with the version as a label.",
		ConstLabels: prometheus.Labels{"version": version()},
	})
	build.Set(1)
	r.MustRegister(build)
	return m
}

// acked is the hub's OnAck.
func (m *metrics) acked(d time.Duration) { m.ackSeconds.Observe(d.Seconds()) }

// flushed is actors' OnFlush.
func (m *metrics) flushed(rows int, d time.Duration, err error) {
	m.batchRows.Observe(float64(rows))
	m.flushSeconds.Observe(d.Seconds())
	if err != nil {
		m.flushErrors.Inc()
	}
}

// commanded is actors' OnCommand. A name that a client made up counts as
// "unknown": it must not make a series of its own.
func (m *metrics) commanded(event string, result wire.Code) {
	if !m.known[event] {
		event = "unknown"
	}
	label := string(result)
	if label == "" {
		label = "ok"
	}
	m.events.WithLabelValues(event, label).Inc()
}

// emitter takes one value of a metric, and its labels' in their order.
type emitter = func(*prometheus.Desc, prometheus.ValueType, float64, ...string)

// snapshot is a collector over the parts' Stats. It implements
// prometheus.Collector and is safe for concurrent scrapes.
type snapshot struct {
	descs []*prometheus.Desc
	read  func(emit emitter)
}

// Describe implements prometheus.Collector.
func (s *snapshot) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *snapshot) Collect(ch chan<- prometheus.Metric) {
	s.read(func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, t, v, labels...)
	})
}

// desc makes a description and adds it to those of s.
func (s *snapshot) desc(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
	s.descs = append(s.descs, d)
	return d
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// storeCollector reads a store's Stats.
func storeCollector(stats func() repo.Stats) prometheus.Collector {
	s := &snapshot{}
	transactions := s.desc("store_transactions_total", "Transactions committed.")
	rows := s.desc("store_messages_total", "Messages written.")
	retries := s.desc("store_retries_total", "Transactions that were sent again.")
	inDoubt := s.desc("store_in_doubt_total", "Commits whose outcome had to be looked up.")
	repeats := s.desc("store_repeats_total", "Messages that were stored already.")
	rejected := s.desc("store_rejected_total", "Messages that the database refused.")
	fenced := s.desc("store_fenced_total", "Groups of messages that met a newer activation of their conversation.")
	mirrored := s.desc("store_mirror_messages_total", "Messages written to the app's own table.")
	mirrorRefused := s.desc("store_mirror_refused_total", "Messages, changes and read marks that the app's own table refused.")
	mirrorFailed := s.desc("store_mirror_failures_total", "Statements that failed because the app's own table cannot be written.")
	marksCut := s.desc("store_mirror_marks_cut_total", "Read marks that passed more messages than are flagged in the app's own table at once.")
	pagesCut := s.desc("store_pages_cut_total", "Pages of messages that ended sooner than asked for because they were large.")
	replica := s.desc("store_replica_pages_total", "Pages of history that a read replica was wanted for, by what it did.", "result")
	conns := s.desc("store_connections", "Connections to the database, by state.", "state")
	s.read = func(emit emitter) {
		v := stats()
		emit(transactions, counter, float64(v.Transactions))
		emit(rows, counter, float64(v.Rows))
		emit(retries, counter, float64(v.Retries))
		emit(inDoubt, counter, float64(v.InDoubt))
		emit(repeats, counter, float64(v.Repeats))
		emit(rejected, counter, float64(v.Rejected))
		emit(fenced, counter, float64(v.Fenced))
		emit(mirrored, counter, float64(v.Mirrored))
		emit(mirrorRefused, counter, float64(v.MirrorRefused))
		emit(mirrorFailed, counter, float64(v.MirrorFailed))
		emit(marksCut, counter, float64(v.MarksCut))
		emit(pagesCut, counter, float64(v.PagesCut))
		emit(replica, counter, float64(v.ReplicaReads), "read")
		emit(replica, counter, float64(v.ReplicaBehind), "behind")
		emit(replica, counter, float64(v.ReplicaAway), "away")
		emit(conns, gauge, float64(v.InUse), "in_use")
		emit(conns, gauge, float64(v.OpenConns-v.InUse), "idle")
	}
	return s
}

// actorsCollector reads the actors' Stats.
func actorsCollector(stats func() actors.Stats) prometheus.Collector {
	s := &snapshot{}
	alive := s.desc("actors", "Actors alive, by kind.", "kind")
	spawned := s.desc("actors_spawned_total", "Actors begun, by kind.", "kind")
	failures := s.desc("actor_panics_total", "Panics of actors; each is logged with its stack.")
	unknown := s.desc("actor_unknown_messages_total", "Messages of a type that the actor did not know.")
	depth := s.desc("mailbox_depth", "Messages that wait in a lane's mailbox.", "lane")
	groups := s.desc("store_pending_groups", "Conversations' groups that wait to be written or are being written, by lane.", "lane")
	pending := s.desc("store_pending_bytes", "Bytes that wait to be written, by lane.", "lane")
	detached := s.desc("sessions_detached", "Sessions without a connection that may still be recovered.")
	users := s.desc("users", "Users with a session.")
	rooms := s.desc("conversations_joined", "Conversations that a client of this node has joined.")
	recoveries := s.desc("recoveries_total", "Attempts to take a lost connection up again, by result.", "result")
	replayed := s.desc("recovery_replayed_events_total", "Events sent again by recoveries.")
	logBytes := s.desc("recovery_log_bytes", "Bytes of recent events kept for recoveries.")
	published := s.desc("events_published_total", "Events sent to any number of clients.")
	delivered := s.desc("events_delivered_total", "Events sent, counted once for each client.")
	holes := s.desc("relay_holes_filled_total", "Messages read from the store to keep the order of a conversation.")
	bounds := s.bounds()
	s.read = func(emit emitter) {
		v := stats()
		bounds(emit, &v)
		emit(alive, gauge, float64(v.Hub.Sessions), "session")
		emit(alive, gauge, float64(v.Locator.Users), "user")
		emit(alive, gauge, float64(v.Locator.Conversations), "conversation")
		emit(spawned, counter, float64(v.Hub.Opened), "session")
		emit(spawned, counter, float64(v.Locator.UsersSpawned), "user")
		emit(spawned, counter, float64(v.Locator.ConversationsSpawned), "conversation")
		emit(failures, counter, float64(v.Failures))
		emit(unknown, counter, float64(v.Unknown))
		for name, n := range v.Mailboxes {
			emit(depth, gauge, float64(n), name)
		}
		for i, n := range v.WriterGroups {
			emit(groups, gauge, float64(n), laneName(i))
		}
		for i, n := range v.WriterBytes {
			emit(pending, gauge, float64(n), laneName(i))
		}
		emit(detached, gauge, float64(v.Hub.Detached))
		emit(users, gauge, float64(v.Hub.Users))
		emit(rooms, gauge, float64(v.Hub.Joined))
		emit(recoveries, counter, float64(v.Hub.Recovered), "recovered")
		emit(recoveries, counter, float64(v.Hub.RecoveryGaps), "gap")
		emit(replayed, counter, float64(v.Hub.Replayed))
		emit(logBytes, gauge, float64(v.Hub.LogBytes))
		emit(published, counter, float64(v.Hub.Published))
		emit(delivered, counter, float64(v.Hub.Delivered))
		emit(holes, counter, float64(v.Hub.HolesFilled))
	}
	return s
}

func laneName(i int) string { return "persistence-" + strconv.Itoa(i) }
