package sqlstore

import (
	"context"

	"github.com/corrillo/corrillo/repo"
)

// FindMessages gives those of ids that are stored, by id, as they are
// committed. It is for tools that go through many messages; ids that no
// message can have are left out.
func (s *Store) FindMessages(ctx context.Context, ids []string) (map[string]repo.Message, error) {
	found := make(map[string]repo.Message, len(ids))
	err := s.again(ctx, "find messages", func() error {
		rows, err := s.lookUp(ctx, kindByID, validIDs(ids), 1)
		for i := range rows {
			found[rows[i].ID] = rows[i]
		}
		return err
	})
	return found, err
}
