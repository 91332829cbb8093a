package transport

import (
	"errors"
	"net"
	"sync"
)

// readSize is the size of the buffers that a Reader hands to its sinks.
const readSize = 8 << 10

// errReaderFailed is in what Ended is told when neither side of a socket, but
// the means to read it has failed.
var errReaderFailed = errors.New("the reader failed")

// Sink takes what a socket receives. Input and Ended are called by one
// goroutine at a time and in order.
type Sink interface {
	// Input takes bytes that were received; it may change them, and keeps
	// none. After an error nothing more is read.
	Input(p []byte) error
	// Ended is called once, last: the socket was closed by either side, it
	// failed, or Input returned err.
	Ended(err error)
	// Written is called once for each Finish of the link, when all of it was
	// written or nothing more can be; by any goroutine.
	Written(err error)
}

// Reader waits for input on any number of sockets. An idle socket should cost
// it as little as can be: buffers are taken when there is something to read.
type Reader interface {
	// Take makes nc the reader's own: from now on it is used through the
	// Link only, which may be written to at once. sink is told nothing but
	// Written before Add.
	Take(nc net.Conn, sink Sink) Link
	// Add begins to read a link of this reader's, once. first was received
	// already and is handed over before anything that is read, by this
	// goroutine or another.
	Add(l Link, first []byte)
	// Close returns when every sink has ended. The links are closed by their
	// owners, not by the Reader.
	Close() error
}

// portableReader is the Reader that works everywhere: a goroutine for each
// socket, parked in the runtime's poller.
type portableReader struct {
	wait    sync.WaitGroup // sockets that are read
	parting sync.WaitGroup // and those that say goodbye
	buffers sync.Pool      // of *[readSize]byte
}

// NewPortableReader returns the Reader that works everywhere, also for TLS: a
// goroutine for each socket.
func NewPortableReader() Reader { return newPortableReader() }

func newPortableReader() *portableReader {
	return &portableReader{buffers: sync.Pool{New: func() any { return new([readSize]byte) }}}
}

// Take implements Reader.
func (r *portableReader) Take(nc net.Conn, sink Sink) Link {
	return &netLink{nc: nc, raw: rawOf(nc), sink: sink, parting: &r.parting}
}

// Add implements Reader.
func (r *portableReader) Add(l Link, first []byte) {
	link, _ := l.(*netLink) // it is from Take
	r.wait.Add(1)
	go r.start(link.nc, first, link.sink)
}

// end tells sink the end of its socket.
func (r *portableReader) end(sink Sink, err error) {
	defer r.wait.Done()
	sink.Ended(err)
}

// Close implements Reader.
func (r *portableReader) Close() error {
	r.wait.Wait()
	r.parting.Wait()
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
