package main

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corrillo/corrillo/wire/transport"
	"github.com/corrillo/corrillo/wire/webhook"
)

// socketsCollector reads the transport's Stats; member: the server is a node of
// a cluster.
func socketsCollector(stats func() transport.Stats, member bool) prometheus.Collector {
	s := &snapshot{}
	passages := func(emitter, *transport.Stats) {}
	if member {
		passages = s.passages()
	}
	conns := s.desc("connections", "Connections of clients, by dialect and transport.", "dialect", "transport")
	handshakes := s.desc("handshakes", "Connections that are not through their handshake yet.")
	opened := s.desc("connections_opened_total", "Connections begun.")
	closed := s.desc("connections_closed_total", "Connections ended, by reason.", "reason")
	refused := s.desc("connections_refused_total", "Connections and requests refused before anything was opened, by reason.", "reason")
	upgrades := s.desc("upgrades_total", "Connections that went from polling to WebSocket.")
	queue := s.desc("outbound_queue_bytes", "Bytes that wait for clients to read; a shared frame counts for each.")
	slow := s.desc("slow_consumers_total", "Connections closed because their client did not read.")
	framesIn := s.desc("frames_received_total", "Frames from clients.")
	framesOut := s.desc("frames_sent_total", "Frames to clients.")
	bytesIn := s.desc("received_bytes_total", "Bytes from clients.")
	bytesOut := s.desc("sent_bytes_total", "Bytes to clients.")
	writes := s.desc("writes_total", "Writes to sockets, each of one or more frames.")
	panics := s.desc("connection_panics_total", "Panics while serving a connection; each ended that connection and was logged.")
	s.read = func(emit emitter) {
		v := stats()
		passages(emit, &v)
		for _, kind := range []string{"socketio/websocket", "socketio/polling", "plain/websocket"} {
			dialect, way, _ := strings.Cut(kind, "/")
			emit(conns, gauge, float64(v.Conns[kind]), dialect, way)
		}
		emit(handshakes, gauge, float64(v.Handshakes))
		emit(opened, counter, float64(v.Opened))
		for reason, n := range v.Closed {
			emit(closed, counter, float64(n), string(reason))
		}
		for reason, n := range v.Refused {
			emit(refused, counter, float64(n), reason)
		}
		emit(upgrades, counter, float64(v.Upgrades))
		emit(queue, gauge, float64(v.QueueBytes))
		emit(slow, counter, float64(v.SlowConsumers))
		emit(framesIn, counter, float64(v.FramesIn))
		emit(framesOut, counter, float64(v.FramesOut))
		emit(bytesIn, counter, float64(v.BytesIn))
		emit(bytesOut, counter, float64(v.BytesOut))
		emit(writes, counter, float64(v.Writes))
		emit(panics, counter, float64(v.Panics))
	}
	return s
}

// webhookCollector reads the webhook's Stats.
func webhookCollector(stats func() []webhook.Stat) prometheus.Collector {
	s := &snapshot{}
	requests := s.desc("webhook_requests_total", "Requests of back ends, by endpoint and result: ok, repeat or the error code.", "endpoint", "result")
	s.read = func(emit emitter) {
		for _, v := range stats() {
			emit(requests, counter, float64(v.Count), v.Endpoint, v.Result)
		}
	}
	return s
}
