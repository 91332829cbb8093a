package peers

import (
	"errors"
	"io"
	"net/http"
)

// tunnelBuffer is what one direction of a connection that was upgraded keeps
// as long as it lasts. What is in it is most often less.
const tunnelBuffer = 2 << 10

// tunnel is an upgraded connection to another node, which lasts as long as its
// client does and has nothing to say most of the time: io.Copy, which would
// keep 32 KiB for each direction, asks it to copy by itself.
type tunnel struct{ io.ReadWriteCloser }

// upgraded makes a tunnel of an answer that switches protocols.
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

// ReadFrom is io.ReaderFrom's.
func (t tunnel) ReadFrom(r io.Reader) (int64, error) { return pass(t.ReadWriteCloser, r) }

// WriteTo is io.WriterTo's.
func (t tunnel) WriteTo(w io.Writer) (int64, error) { return pass(w, t.ReadWriteCloser) }

// CloseWrite says that nothing more is written.
func (t tunnel) CloseWrite() error {
	if c, ok := t.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return http.ErrNotSupported
}

func pass(to io.Writer, from io.Reader) (int64, error) {
	// Neither may copy by itself again.
	return io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, tunnelBuffer))
}
