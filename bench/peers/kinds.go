package peers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/scenario"
)

// Kind is a server that can be measured.
type Kind struct {
	Name  string // for the command line and the results
	Title string // for people
	// Dialect is what its clients speak over WebSocket.
	Dialect client.Dialect
	// Polls says that it serves HTTP long-polling as well.
	Polls bool
	// Ours says that it is Corrillo.
	Ours bool

	start func(ctx context.Context, b *Bed, dir string) (Server, error)
}

// Server is one that runs. Its methods are for one goroutine at a time.
type Server interface {
	scenario.Target
	// Stop asks it to end, waits for it, and deletes its data.
	Stop() error
	// Output is the end of what it wrote to stdout and stderr.
	Output() string
}

// The names of the kinds that others are compared with.
const (
	Reference         = "node-mariadb"
	ReferenceNoStore  = "node"
	Centrifugo        = "centrifugo"
	CentrifugoHistory = "centrifugo-history"
	CorrilloMariaDB   = "corrillo-mariadb"
	CorrilloSQLite    = "corrillo-sqlite"
	CorrilloSocketIO  = "corrillo-mariadb-socketio"
)

// Kinds are all of them, ours first.
func Kinds() []Kind {
	return []Kind{
		{Name: CorrilloMariaDB, Title: "Corrillo, MariaDB, `/ws`", Dialect: client.Plain, Ours: true, start: startCorrillo(true)},
		{Name: CorrilloSocketIO, Title: "Corrillo, MariaDB, Socket.IO", Dialect: client.SocketIO, Polls: true, Ours: true, start: startCorrillo(true)},
		{Name: CorrilloSQLite, Title: "Corrillo, SQLite, `/ws`", Dialect: client.Plain, Ours: true, start: startCorrillo(false)},
		{Name: Reference, Title: "Node, MariaDB", Dialect: client.SocketIO, Polls: true, start: startReference(true)},
		{Name: ReferenceNoStore, Title: "Node, nothing stored", Dialect: client.SocketIO, Polls: true, start: startReference(false)},
		{Name: Centrifugo, Title: "Centrifugo, in memory", Dialect: client.Centrifugo, start: startCentrifugo(false)},
		{Name: CentrifugoHistory, Title: "Centrifugo, history and recovery", Dialect: client.Centrifugo, start: startCentrifugo(true)},
	}
}

// Names are the kinds' names.
func Names(kinds []Kind) []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return names
}

// Find returns those of these kinds that are named, in their order; all of them
// when there are no names.
func Find(kinds []Kind, names []string) ([]Kind, error) {
	for _, name := range names {
		if !slices.Contains(Names(kinds), name) {
			return nil, fmt.Errorf("no server %q; there are %s", name, strings.Join(Names(kinds), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool {
		return len(names) > 0 && !slices.Contains(names, k.Name)
	}), nil
}
