package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Bed is what the servers of a comparison share: the binaries, one MariaDB, a
// folder for data. Each is made when the first server needs it. Its methods
// are for one goroutine at a time.
type Bed struct {
	root string // of this module's source
	dir  string
	// say is told of what takes long.
	say func(format string, args ...any)

	corrillo   string
	given      bool // corrillo was not built here
	older      string
	centrifugo string
	mariadb    *repotest.Server
}

// Options say what a Bed uses. The zero value is a binary built from this
// tree, and silence.
type Options struct {
	// Corrillo is the binary to measure; built when empty.
	Corrillo string
	// Older is the binary of the kind of this name.
	Older string
	// Say is told of what takes long.
	Say func(format string, args ...any)
}

// Open makes a Bed. Close it when no server runs any more.
func Open(ctx context.Context, o Options) (*Bed, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOMOD: %w", err)
	}
	dir, err := os.MkdirTemp("", "corrillo-bench-")
	if err != nil {
		return nil, err
	}
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	return &Bed{root: filepath.Dir(strings.TrimSpace(string(mod))), dir: dir, say: o.Say, corrillo: o.Corrillo, given: o.Corrillo != "", older: o.Older}, nil
}

// Start runs a fresh server of this kind.
func (b *Bed) Start(ctx context.Context, k Kind) (Server, error) {
	dir, err := os.MkdirTemp(b.dir, k.Name+"-")
	if err != nil {
		return nil, err
	}
	s, err := k.start(ctx, b, dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", k.Name, err), os.RemoveAll(dir))
	}
	return s, nil
}

// Close ends MariaDB and deletes everything that is left.
func (b *Bed) Close() error {
	var err error
	if b.mariadb != nil {
		err = b.mariadb.Close()
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// database gives a fresh database on the shared MariaDB and what deletes it;
// nothing of either when the server does not store.
func (b *Bed) database(stores bool) (url string, drop func() error, err error) {
	if !stores {
		return "", func() error { return nil }, nil
	}
	if err := b.startMariaDB(); err != nil {
		return "", nil, err
	}
	url, err = b.mariadb.CreateDatabase()
	return url, func() error { return b.mariadb.DropDatabase(url) }, err
}

func (b *Bed) startMariaDB() (err error) {
	if b.mariadb == nil {
		b.say("starting MariaDB")
		b.mariadb, err = repotest.OpenMariaDB()
	}
	return err
}

// binary is Corrillo's, which is built when there is none.
func (b *Bed) binary(ctx context.Context) (string, error) {
	if b.corrillo == "" {
		b.say("building Corrillo")
		binary, err := server.Build(ctx, b.dir, false)
		if err != nil {
			return "", err
		}
		b.corrillo = binary
	}
	return b.corrillo, nil
}

// serving are the arguments that Corrillo is measured with.
func serving() []string { return []string{"--limits=off", "--log-level=error", "--drain-period=1s"} }

func startCorrillo(mariadb bool) func(context.Context, *Bed, string) (Server, error) {
	return func(ctx context.Context, b *Bed, dir string) (Server, error) {
		binary, err := b.binary(ctx)
		if err != nil {
			return nil, err
		}
		url, drop, err := b.database(mariadb)
		if err != nil {
			return nil, err
		}
		s, err := server.Start(ctx, server.Options{
			Binary: binary, Dir: dir, DatabaseURL: url, Args: serving(),
		})
		if err != nil {
			return nil, errors.Join(err, drop())
		}
		return &corrillo{Server: s, dir: dir, drop: drop}, nil
	}
}

// corrillo is a server.Server that takes its data along.
type corrillo struct {
	*server.Server
	dir  string
	drop func() error
}

// Stop implements Server.
func (c *corrillo) Stop() error {
	return errors.Join(c.Server.Stop(), c.drop(), os.RemoveAll(c.dir))
}
