package scenario

// Target is the server under load. *server.Server is one.
type Target interface {
	// Addr is host:port.
	Addr() string
	// PID is the process whose CPU and memory are reported; 0: not known.
	PID() int
	// Database is where Corrillo's tables are, as rows.Read takes it, for the
	// scenarios that compare what was acked with what is stored; empty: no
	// such tables, or not to be looked at.
	Database() string
}

// Remote is a Target that something else has started.
type Remote struct {
	Address  string
	Process  int
	Messages string // what Database returns
}

// Addr implements Target.
func (r Remote) Addr() string { return r.Address }

// PID implements Target.
func (r Remote) PID() int { return r.Process }

// Database implements Target.
func (r Remote) Database() string { return r.Messages }
