package transport

import (
	"net"
	"sync"
)

// readSize is the size of the buffers that a Reader hands to its sinks.
const readSize = 8 << 10

// Sink takes what a socket receives. Its methods are called by one goroutine
// at a time and in order.
type Sink interface {
	// Input takes bytes that were received; it may change them, and keeps
	// none. After an error nothing more is read.
	Input(p []byte) error
	// Ended is called once, last: the socket was closed by either side, it
	// failed, or Input returned err.
	Ended(err error)
}

// Reader waits for input on any number of sockets. An idle socket should cost
// it as little as can be: buffers are taken when there is something to read.
type Reader interface {
	// Add begins to read nc on sink's behalf. first was received already and
	// is handed over before anything that is read.
	Add(nc net.Conn, first []byte, sink Sink)
	// Close returns when every sink has ended. The sockets are closed by
	// their owners, not by the Reader.
	Close() error
}

// portableReader is the Reader that works everywhere: a goroutine for each
// socket, parked in the runtime's poller.
type portableReader struct {
	wait    sync.WaitGroup
	buffers sync.Pool // of *[readSize]byte
}

func newPortableReader() *portableReader {
	return &portableReader{buffers: sync.Pool{New: func() any { return new([readSize]byte) }}}
}

// Add implements Reader.
func (r *portableReader) Add(nc net.Conn, first []byte, sink Sink) {
	r.wait.Add(1)
	go r.start(nc, first, sink)
}

// end tells sink the end of its socket.
func (r *portableReader) end(sink Sink, err error) {
	defer r.wait.Done()
	sink.Ended(err)
}

// Close implements Reader.
func (r *portableReader) Close() error {
	r.wait.Wait()
	return nil
}

// readBlocking reads a socket whose readiness cannot be waited for, such as
// TLS, with a buffer of its own.
func readBlocking(nc net.Conn, sink Sink) error {
	buf := make([]byte, 2<<10)
	for {
		n, err := nc.Read(buf)
		if n > 0 {
			if err := sink.Input(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}
