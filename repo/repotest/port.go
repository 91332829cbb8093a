package repotest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports that FreePort chooses from: systems give others to connections that
// go out, and to who asks for port 0 (Linux: from 32768, by
// net.ipv4.ip_local_port_range; IANA: from 49152). One of those may be taken
// again before a process that was told it listens there.
const lowestPort, highestPort = 10_000, 32_000

var handedOut sync.Map // ports that this process has got from FreePort

// FreePort returns a port of 127.0.0.1 that nobody listens on now, for a
// process that must be told one. It gives none twice.
func FreePort() (int, error) {
	var refused error
	for range 1000 {
		port := lowestPort + rand.N(highestPort-lowestPort) //nolint:gosec // no secret
		if _, again := handedOut.LoadOrStore(port, true); again {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			refused = err
			continue
		}
		return port, l.Close()
	}
	return 0, errors.Join(errors.New("no free port was found"), refused)
}
