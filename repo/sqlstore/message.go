package sqlstore

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/corrillo/corrillo/repo"
)

var (
	errNoID     = errors.New("an id is empty")
	errSpace    = errors.New("an id ends with a space")
	errEncoding = errors.New("text is not valid UTF-8")
)

// messageKey is what makes a message the same as another: conversation,
// sender and tempId, or its id alone.
type messageKey struct{ a, b, c string }

func (w *work) tempKey(m *repo.Message) messageKey {
	return messageKey{w.id(), m.SenderID, m.TempID}
}

func idKey(id string) messageKey { return messageKey{a: id} }

// addMessages prepares the group's messages. keys holds the first message of
// the batch for each key: a second one is answered with what becomes of it.
func (w *work) addMessages(s *Store, keys map[messageKey]*item) {
	for i := range w.group.Messages {
		m, it := &w.group.Messages[i], &w.items[i]
		it.m, it.result = m, &w.result.Messages[i]
		if err := s.checkMessage(m); err != nil {
			it.settle(repo.MessageResult{Outcome: repo.OutcomeRejected, Err: err})
			continue
		}
		if m.TempID != "" {
			if it.first = keys[w.tempKey(m)]; it.first != nil {
				continue
			}
		}
		if it.first = keys[idKey(m.ID)]; it.first != nil {
			continue
		}
		keys[idKey(m.ID)] = it
		if m.TempID != "" {
			keys[w.tempKey(m)] = it
		}
	}
}

// checkMessage finds what the database would take and should not.
func (s *Store) checkMessage(m *repo.Message) error {
	if m.ID == "" || m.SenderID == "" {
		return errNoID
	}
	for _, id := range [...]string{m.ID, m.SenderID, m.TempID} {
		if strings.HasSuffix(id, " ") {
			return errSpace
		}
	}
	if s.d.ChecksText {
		return nil
	}
	for _, t := range [...]string{m.ID, m.SenderID, m.TempID, m.SenderName, m.ReceiverID, m.Content, m.Type} {
		if !utf8.ValidString(t) {
			return errEncoding
		}
	}
	if !utf8.Valid(m.Metadata) || !utf8.Valid(m.ReplyTo) || !utf8.Valid(m.Extra) {
		return errEncoding
	}
	return nil
}

// answerAliases answers the messages that repeat an earlier one of the batch.
func (w *work) answerAliases() {
	if w.result.Err != nil {
		return
	}
	for i := range w.items {
		if it := &w.items[i]; it.first != nil && !it.settled {
			it.settle(it.afterFirst(w.id()))
		}
	}
}

func (it *item) afterFirst(conversationID string) repo.MessageResult {
	first := it.first
	switch {
	case !first.settled:
		// The first one's group failed as a whole; it may be another group.
		return repo.MessageResult{Outcome: repo.OutcomeRejected, Err: errors.New("the same id is in another conversation of this batch")}
	case first.found != nil:
		return compare(it.m, conversationID, first.found)
	case first.result.Outcome == repo.OutcomeRejected:
		return repo.MessageResult{Outcome: repo.OutcomeRejected, Err: fmt.Errorf("repeats a message that was refused: %w", first.result.Err)}
	}
	return compare(it.m, conversationID, &first.result.Stored)
}

// compare answers a message whose key the stored row has already.
func compare(m *repo.Message, conversationID string, row *repo.Message) repo.MessageResult {
	if row.ConversationID != conversationID || row.SenderID != m.SenderID || row.Hash != m.Hash {
		return repo.MessageResult{Outcome: repo.OutcomeConflict}
	}
	return repo.MessageResult{Outcome: repo.OutcomeRepeat, Stored: *row}
}

// size approximates the bytes of the message in a statement.
func (it *item) size() int {
	m := it.m
	return 300 + len(m.ID) + len(m.SenderID) + len(m.Content) + len(m.Metadata) + len(m.ReplyTo) + len(m.Extra)
}

// args appends the values of insertColumns.
func (it *item) args(dst []any, conversationID string) []any {
	m := it.m
	return append(dst, conversationID, it.seq, int64(0), m.ID, m.SenderID, m.SenderName, orNull(m.ReceiverID), orNull(m.TempID),
		m.Content, m.Type, textOrNull(m.Metadata), textOrNull(m.ReplyTo), textOrNull(m.Extra), m.Hash[:], stamp(m.CreatedAt))
}
