package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/corrillo/corrillo/repo"
)

// Activate implements repo.Store. The UPDATE waits for a flush of the
// conversation that is in flight, and what is read after it cannot change any
// more but by this activation.
func (s *Store) Activate(ctx context.Context, conversationID string) (repo.Activation, error) {
	if !validID(conversationID) {
		return repo.Activation{}, nil
	}
	var a repo.Activation
	err := s.again(ctx, "activate conversation", func() error {
		a = repo.Activation{}
		return s.inTx(ctx, func(tx *sql.Tx) error { return s.activate(ctx, tx, conversationID, &a) })
	})
	return a, err
}

func (s *Store) activate(ctx context.Context, tx *sql.Tx, id string, a *repo.Activation) error {
	res, err := tx.ExecContext(ctx, s.texts.raiseEpoch, id)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	var at timeValue
	if err := tx.QueryRowContext(ctx, s.texts.activation, id).Scan(&a.Epoch, &a.LastSeq, &a.LastRev, &at); err != nil {
		return err
	}
	a.LastActivityAt = at.Time
	rows, err := tx.QueryContext(ctx, s.texts.participants, id)
	if err != nil {
		return err
	}
	for rows.Next() {
		p, err := scanParticipant(rows)
		if err != nil {
			return closeAfter(rows, err)
		}
		a.Participants = append(a.Participants, p)
	}
	return closeAfter(rows, nil)
}

// inTx runs f in a transaction on one connection of the writer.
func (s *Store) inTx(ctx context.Context, f func(tx *sql.Tx) error) (err error) {
	conn, err := s.acquire(ctx, s.writer)
	if err != nil {
		return err
	}
	defer func() {
		// A connection that is gone has already been reported.
		_ = conn.Close()
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return rollback(tx, err)
	}
	return tx.Commit()
}

// rollback ends a transaction that failed and returns why. That the rollback
// fails as well says nothing new: the server does it when the connection ends.
func rollback(tx *sql.Tx, cause error) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return errors.Join(cause, err)
	}
	return cause
}
