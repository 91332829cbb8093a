package peers

import (
	"errors"
	"io"
	"net/http"
)

// tunnelBuffer is the size of the buffer for one direction of an upgraded
// connection. Most messages are smaller.
const tunnelBuffer = 2 << 10

// tunnel is an upgraded connection to another node. It lasts as long as its client
// stays, and is idle most of the time. It implements io.ReaderFrom and io.WriterTo,
// so that io.Copy uses these instead of a buffer of 32 KiB for each direction.
type tunnel struct{ io.ReadWriteCloser }

// upgraded turns the body of an answer that switches protocols into a tunnel.
func upgraded(r *http.Response) error {
	if r.StatusCode != http.StatusSwitchingProtocols {
		return nil
	}
	conn, ok := r.Body.(io.ReadWriteCloser)
	if !ok {
		return errors.New("an upgraded connection that cannot be written to")
	}
	r.Body = tunnel{conn}
	return nil
}

// ReadFrom implements io.ReaderFrom.
func (t tunnel) ReadFrom(r io.Reader) (int64, error) { return pass(t.ReadWriteCloser, r) }

// WriteTo implements io.WriterTo.
func (t tunnel) WriteTo(w io.Writer) (int64, error) { return pass(w, t.ReadWriteCloser) }

// CloseWrite closes the sending direction.
func (t tunnel) CloseWrite() error {
	if c, ok := t.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return http.ErrNotSupported
}

func pass(to io.Writer, from io.Reader) (int64, error) {
	// Wrapped, so that io.CopyBuffer does not find ReadFrom and WriteTo again.
	return io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, tunnelBuffer))
}
