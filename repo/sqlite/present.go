package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/corrillo/corrillo/repo"
)

// file is the database file as it was opened. One that is removed, or replaced
// by a copy, while it is open can still be written by those who have it open,
// and nobody will ever read that.
type file struct {
	path string
	log  string // the write-ahead log, next to the file that path leads to
	info os.FileInfo
}

func lookAt(path string) (file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return file{}, err
	}
	real, err := filepath.EvalSymlinks(path)
	return file{path: path, log: real + "-wal", info: info}, err
}

// check reports that the file is another one by now, or gone.
func (f *file) check() error {
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return fmt.Errorf("the database file is not there any more (put it back, or start anew): %w: %w", repo.ErrUnavailable, err)
	case !os.SameFile(info, f.info):
		return fmt.Errorf("the database file was replaced (put it back, or start anew): %s: %w", f.path, repo.ErrUnavailable)
	}
	return nil
}

// checkLog reports that what was just written cannot be found again.
func (f *file) checkLog() error {
	if err := f.check(); err != nil {
		return err
	}
	if _, err := os.Stat(f.log); err != nil {
		return fmt.Errorf("the database's write-ahead log is not there any more (start anew): %w: %w", repo.ErrUnavailable, err)
	}
	return nil
}

// Save implements repo.Store. What went into a file that is gone by then is
// not reported as saved.
func (s *Store) Save(ctx context.Context, groups []repo.Group) []repo.GroupResult {
	err := s.file.check()
	var results []repo.GroupResult
	if err == nil {
		results = s.Store.Save(ctx, groups)
		err = s.file.checkLog()
	}
	if err == nil {
		return results
	}
	results = make([]repo.GroupResult, len(groups))
	for i := range results {
		results[i].Err = err
	}
	return results
}

// Activate implements repo.Store.
func (s *Store) Activate(ctx context.Context, conversationID string) (repo.Activation, error) {
	if err := s.file.check(); err != nil {
		return repo.Activation{}, err
	}
	return s.Store.Activate(ctx, conversationID)
}

// Ping implements repo.Store.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.file.check(); err != nil {
		return err
	}
	return s.Store.Ping(ctx)
}
