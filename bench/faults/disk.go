package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/server"
)

// Disk is a small file system of its own, in memory.
type Disk struct {
	Dir string
	// said begins where the server's output was read to.
	said string
}

// NewDisk mounts one that a database fits on, and takes it away with the test.
// It needs root.
func NewDisk(tb testing.TB, mariaDB bool) (*Disk, error) {
	tb.Helper()
	size := 64 << 20
	if mariaDB {
		size = 256 << 20
	}
	dir, err := os.MkdirTemp("", "corrillo-disk-") // a socket's path must be short
	if err != nil {
		return nil, err
	}
	if err := mount(dir, size); err != nil {
		return nil, errors.Join(fmt.Errorf("mount a small file system (which root may do): %w", err), os.Remove(dir))
	}
	tb.Cleanup(func() {
		if err := errors.Join(unmount(dir), os.Remove(dir)); err != nil {
			tb.Error(err)
		}
	})
	return &Disk{Dir: dir}, nil
}

// smallMariaDB are arguments of a MariaDB that fits, binaryLog those of one that
// logs as a primary does.
var (
	smallMariaDB = []string{"--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M"}
	binaryLog    = []string{"--log-bin=binlog", "--sync-binlog=1", "--binlog-format=ROW"}
)

// disks are the nemeses of the file system. Without a binary log MariaDB refuses
// what it has no room for; with one it stands still and looks once a minute
// whether there is room again.
var disks = []Nemesis{
	{Name: "full-disk", Needs: SmallDisk | ShortSaves, Alone: true, Strike: fillDisk},
	{Name: "full-binlog", Needs: MariaDB | SmallDisk | BinaryLog | ShortSaves, Alone: true, Slow: true, Strike: fillDisk},
}

// fillDisk leaves no byte to the database, holds that until the server could not
// save something and for hold, and gives the room back. A MariaDB that did not
// outlive it (InnoDB ends the process when it cannot undo a statement for 5 s) is
// started again, as its service manager does.
func fillDisk(ctx context.Context, a *Arena, hold time.Duration) error {
	if a.Database == nil {
		if err := a.emptyLog(ctx); err != nil {
			return err
		}
	}
	a.Disk.hear(a.Server)
	filler := filepath.Join(a.Disk.Dir, "filler")
	err := writeUntilFull(filler)
	if err == nil {
		err = a.untilSaid(ctx, "not all of a batch was saved")
	}
	if err == nil {
		err = wait(ctx, hold)
	}
	err = errors.Join(err, os.Remove(filler))
	if a.Database != nil && !a.Database.Running() {
		a.Database.Restart(a.TB)
	}
	return err
}

// untilSaid waits for a word in the server's log. It may take a while: the
// database's files have room ahead of need.
func (a *Arena) untilSaid(ctx context.Context, word string) error {
	for begun := time.Now(); !strings.Contains(a.Disk.hear(a.Server), word); {
		if time.Since(begun) > time.Minute {
			return errors.New("the server has not noticed that the disk is full")
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// hear gives what the server has put out since the last call, or all that there
// is when that is too long ago.
func (d *Disk) hear(s *server.Server) string {
	all := s.Output()
	_, news, found := strings.Cut(all, d.said)
	if !found || d.said == "" {
		news = all
	}
	d.said = all[max(0, len(all)-1000):]
	return news
}

// writeUntilFull makes a file of all that is free.
func writeUntilFull(name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // our own file
	if err != nil {
		return err
	}
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// emptyLog has SQLite move all of its log into the database and cut it off:
// what it has grown to would take many a message without a new block.
func (a *Arena) emptyLog(ctx context.Context) error {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: a.Server.Database()}).EscapedPath()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	var busy, frames, moved int
	err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
	if busy != 0 && err == nil {
		err = errors.New("the log of SQLite is never at rest")
	}
	return errors.Join(err, db.Close())
}
