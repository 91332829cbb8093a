package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
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
		return nil, errors.Join(fmt.Errorf("mount a small file system (which root may do) for %s: %w", fullDisk, err), os.Remove(dir))
	}
	tb.Cleanup(func() {
		if err := errors.Join(unmount(dir), os.Remove(dir)); err != nil {
			tb.Error(err)
		}
	})
	return &Disk{Dir: dir}, nil
}

// smallMariaDB are arguments of a MariaDB that fits.
var smallMariaDB = []string{"--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M"}

const fullDisk = "full-disk"

// disks are the nemeses of the file system.
var disks = []Nemesis{
	{Name: fullDisk, Needs: SmallDisk | ShortSaves, Alone: true, Strike: fillDisk},
}

// fillDisk leaves no byte to the database, holds that until the server's log
// tells of it and for hold, and gives the room back. A MariaDB that did not
// outlive it (InnoDB ends the process when it cannot undo a statement for 5 s) is
// started again, as its service manager does.
func fillDisk(ctx context.Context, a *Arena, hold time.Duration) (err error) {
	if a.Database == nil {
		if err := a.emptyLog(ctx); err != nil {
			return err
		}
	}
	filler := filepath.Join(a.Disk.Dir, "filler")
	defer func() {
		if removed := os.Remove(filler); !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
		if a.Database != nil && !a.Database.Running() {
			a.Database.Restart(a.TB)
		}
	}()
	a.Disk.hear(a.Server)
	if err := writeUntilFull(filler); err != nil {
		return err
	}
	for begun := time.Now(); !strings.Contains(a.Disk.hear(a.Server), "full"); {
		if time.Since(begun) > time.Minute { // files have room ahead of need
			return errors.New("the server has not noticed that the disk is full")
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return wait(ctx, hold)
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
