package importer

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// row is a row of the app's table as a message.
type row struct {
	key key
	// m is what is saved. A deleted message has no content here: what was
	// deleted there is not written anywhere again.
	m repo.Message
	// receiver is who it went to, where the row says so.
	receiver string
	// read is whether the receiver has read it; it counts when readKnown.
	read, readKnown bool
	seq             int64 // once stored
}

func (r *row) deleted() bool { return !r.m.DeletedAt.IsZero() }

// change is the deletion that goes with it, by whom the table says.
func (r *row) change() repo.Change {
	return repo.Change{Kind: repo.ChangeDelete, MessageID: r.m.ID, By: r.m.DeletedBy, At: r.m.DeletedAt}
}

// reader makes messages of rows.
type reader struct {
	m    *mapping
	zone *time.Location
	hash func(*wire.SendMessage) [32]byte
	body []byte
}

func (d *reader) value(rec *record, name string) []byte {
	i, ok := d.m.at[name]
	if !ok {
		return nil
	}
	return rec.values[i]
}

func (d *reader) text(rec *record, name string) string { return string(d.value(rec, name)) }

func (d *reader) time(rec *record, name string) (time.Time, error) {
	if !d.m.has(name) {
		return time.Time{}, nil
	}
	t, err := instant(d.m.column(name), d.value(rec, name), d.zone)
	if err != nil {
		return t, errors.New(name + ": " + err.Error())
	}
	return t, nil
}

func (d *reader) flag(rec *record, name string) bool {
	return d.m.has(name) && flag(d.m.column(name), d.value(rec, name))
}

// read makes a message by the rules of the webhook. name is the sender's, ""
// when it is not known. The error is for people and begins with the field.
func (d *reader) read(rec *record, name string) (row, error) {
	createdAt, err := d.time(rec, "createdAt")
	if err != nil || createdAt.IsZero() {
		return row{}, errors.New("createdAt: is no time")
	}
	deletedAt, err := d.time(rec, "deletedAt")
	if err != nil {
		return row{}, err
	}
	if deletedAt.IsZero() && d.flag(rec, "isDeleted") {
		deletedAt = createdAt // when is not known
	}
	body, err := d.encode(rec, name, createdAt, !deletedAt.IsZero())
	if err != nil {
		return row{}, err
	}
	in, bad := wire.DecodeInjectedMessage(body)
	if bad != nil {
		return row{}, errors.New(bad.Message)
	}
	if in.ID == "" {
		return row{}, errors.New("id: is empty") // a webhook's message would be given one
	}
	r := row{key: rec.key, receiver: in.ReceiverID}
	if r.m, err = d.message(&in); err != nil {
		return row{}, err
	}
	if err := d.readMark(rec, &r); err != nil {
		return row{}, err
	}
	return r, d.later(rec, &r, deletedAt)
}

// later reads what became of the message after it was sent.
func (d *reader) later(rec *record, r *row, deletedAt time.Time) error {
	editedAt, err := d.time(rec, "editedAt")
	if err != nil {
		return err
	}
	if editedAt.After(r.m.CreatedAt) {
		r.m.EditedAt = editedAt
	}
	if deletedAt.IsZero() {
		return nil
	}
	r.m.DeletedAt, r.m.DeletedBy = deletedAt, d.text(rec, "deletedBy")
	if r.m.DeletedBy != "" && !wire.ValidID(r.m.DeletedBy) {
		return errors.New("deletedBy: is no id of 1 to 191 bytes")
	}
	r.m.Content, r.m.Metadata, r.m.ReplyTo, r.m.Extra, r.m.EditedAt = "", nil, nil, nil, time.Time{}
	return nil
}

// readMark reads whether the receiver has read it. A flag counts before a
// time that may have been left behind.
func (d *reader) readMark(rec *record, r *row) error {
	readAt, err := d.time(rec, "readAt")
	if err != nil {
		return err
	}
	r.readKnown = r.receiver != "" && (d.m.has("isRead") || d.m.has("readAt"))
	r.read = !readAt.IsZero() || d.flag(rec, "isRead")
	return nil
}

// message gives the message its conversation.
func (d *reader) message(in *wire.InjectedMessage) (repo.Message, error) {
	id := in.Resolve(in.SenderID)
	if wire.IsDirect(in.ConversationID) && (in.ReceiverID == "" || id != wire.DirectID(in.SenderID, in.ReceiverID)) {
		return repo.Message{}, errors.New("conversationId: begins with dm: and is not that of senderId and receiverId")
	}
	name := in.SenderName
	if name == "" {
		name = in.SenderID
	}
	return repo.Message{
		ConversationID: id, ID: in.ID, SenderID: in.SenderID, SenderName: name, ReceiverID: in.ReceiverID, TempID: in.TempID,
		Content: in.Content, Type: in.Type, Metadata: in.Metadata, ReplyTo: in.ReplyTo, Extra: in.Extra,
		Hash: d.hash(&in.SendMessage), CreatedAt: in.CreatedAt, Mirrored: true,
	}, nil
}

// encode writes the row as the body of a webhook's new-message. The app's own
// fields come first: a known one of the same name counts.
func (d *reader) encode(rec *record, name string, createdAt time.Time, deleted bool) ([]byte, error) {
	b := append(d.body[:0], '{')
	for i, f := range d.m.fields {
		if v := rec.values[i]; f.field.form == formOwn && v != nil {
			b = append(wire.AppendString(b, f.field.name[len(ownPrefix):]), ':')
			b = append(appendOwn(b, f.column, v, d.zone), ',')
		}
	}
	for _, field := range [...]string{"id", "conversationId", "senderId", "receiverId", "type", "tempId"} {
		b = d.appendText(b, rec, field)
	}
	if name == "" {
		name = d.text(rec, "senderName")
	}
	b = wire.AppendString(append(b, `"senderName":`...), name)
	if v := d.value(rec, "metadata"); len(v) > 0 {
		if !json.Valid(v) {
			return nil, errors.New("metadata: is not JSON")
		}
		b = append(append(b, `,"metadata":`...), v...)
	}
	if v := d.value(rec, "replyTo"); len(v) > 0 {
		b = appendReply(append(b, `,"replyTo":`...), v)
	}
	content := d.text(rec, "content")
	if deleted && content == "" {
		content = " " // a deleted message may have lost its text there already
	}
	b = wire.AppendString(append(b, `,"content":`...), content)
	b = strconv.AppendInt(append(b, `,"createdAt":`...), createdAt.UnixMilli(), 10)
	d.body = append(b, '}')
	return d.body, nil
}

// appendText appends a field as a string, also a number, unless it is NULL.
func (d *reader) appendText(b []byte, rec *record, name string) []byte {
	v := d.value(rec, name)
	if len(v) == 0 {
		return b
	}
	b = append(wire.AppendString(b, name), ':')
	return append(wire.AppendString(b, string(v)), ',')
}
