package main

import "github.com/prometheus/client_golang/prometheus"

// addressCollector reads what the port's door counts.
func addressCollector(door *addressDoor) prometheus.Collector {
	s := &snapshot{}
	open := s.desc("http_connections", "Connections that carry no WebSocket, those of trusted proxies left out.")
	refused := s.desc("http_connections_refused_total", "Connections closed unread, since their address had too many.")
	s.read = func(emit func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
		n, r := door.counts()
		emit(open, gauge, float64(n))
		emit(refused, counter, float64(r))
	}
	return s
}

// tlsCollector reads what the port's TLS counts.
func tlsCollector(certs *certificates, door *tlsDoor) prometheus.Collector {
	s := &snapshot{}
	opening := s.desc("tls_handshakes", "Connections whose TLS handshake or first request is not over yet.")
	refused := s.desc("tls_refused_total", "Connections closed before their TLS handshake, since too many were under way.")
	expiry := s.desc("tls_certificate_expiry_timestamp_seconds", "When the port's certificate expires, in seconds since 1970.")
	s.read = func(emit func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
		n, r := door.counts()
		emit(opening, gauge, float64(n))
		emit(refused, counter, float64(r))
		emit(expiry, gauge, float64(certs.current.Load().Leaf.NotAfter.Unix()))
	}
	return s
}
