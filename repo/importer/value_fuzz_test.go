package importer

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/corrillo/corrillo/wire"
)

// fuzzedTypes are the types of the columns, one after the other for each field
// of a message.
var fuzzedTypes = []string{
	"varchar", "text", "longtext", "enum", "bigint", "int", "tinyint", "bit", "datetime", "timestamp", "json", "float", "double", "decimal", "date",
}

// FuzzRow reads a row of the app's table, whatever stands in it, in columns of
// any type that fits. What is taken is a message that each store can keep and
// clients can read, and says what the row said; all else is refused with a
// sentence that begins with the field.
func FuzzRow(f *testing.F) {
	for _, s := range []string{
		"1|room|ann|bob|hello|2024-05-01 10:00:00|2024-05-01 10:00:01|||ann|2024-05-01 10:00:02|1|text|{\"a\":1}|7|t1|Ann|red",
		"a\x00b|dm:x|ann|bob|hello|1714557600|1714557600000|9223372036854775807|\x01|bob|-1|\x00|image|[]|{\"id\":7}||  |{\"a\":[1e400]}",
		"1||ann|bob||0000-00-00 00:00:00|2024-02-30 00:00:00|99999999999999||||||{|\"x|||\"",
		"1||ann|bob|x|9999-12-31 23:59:59.999|9999-12-31 23:59:59.999999|1000-01-01 00:00:00|1|\xff|1|2||null|null|||NaN",
		"1||ann|bob|x|253402300800000|253402300800000|253402300800000|||253402300800000|||||||1",
		"|||||", "\xff\xfe|r|\xff|b|\xff|1|2|3|4|\xff|6|7|\xff|8|9|\xff|\xff|\xff",
	} {
		f.Add(s, uint64(0), int8(0))
		f.Add(s, uint64(0x4444_8888_4444_8888), int8(5))
	}
	fields := append(append([]field{}, messageFields...), field{name: ownPrefix + "color", form: formOwn})
	f.Fuzz(func(t *testing.T, text string, types uint64, hours int8) {
		m := &mapping{table: &table{name: "T"}, at: map[string]int{}}
		rec := &record{}
		values := strings.Split(text, "|")
		for i, fd := range fields {
			if i >= len(values) && fd.need != required {
				continue
			}
			c := fitting(fd.form, int(types>>(i%16*4)&15))
			m.at[fd.name] = len(m.fields)
			m.fields = append(m.fields, bound{fd, c})
			var v []byte
			if i < len(values) && values[i] != "NULL" {
				v = []byte(values[i])
			}
			rec.values = append(rec.values, v)
		}
		zone := time.FixedZone("there", int(hours%15)*3600)
		d := &reader{m: m, zone: zone, hash: func(s *wire.SendMessage) [32]byte { return sha256.Sum256([]byte(s.Content)) }}
		r, err := d.read(rec, "")
		if err != nil {
			if name, why, ok := strings.Cut(err.Error(), ":"); !ok || name == "" || why == "" || !utf8.ValidString(err.Error()) {
				t.Fatalf("refused with %q", err)
			}
			return
		}
		checkRow(t, d, rec, &r)
	})
}

// fitting is a column of the n-th type that can hold a field of that form.
func fitting(fm form, n int) column {
	for i := range fuzzedTypes {
		c := column{name: "c", dataType: fuzzedTypes[(n+i)%len(fuzzedTypes)], nullable: true}
		if c.fits(fm) {
			return c
		}
	}
	panic("no type fits")
}

// object is the object whose members extra has.
func object(extra []byte) []byte {
	if len(extra) == 0 {
		return nil
	}
	return []byte("{" + string(extra) + "}")
}

func checkRow(t *testing.T, d *reader, rec *record, r *row) {
	t.Helper()
	m := &r.m
	for what, id := range map[string]string{"conversation": m.ConversationID, "id": m.ID, "sender": m.SenderID, "name": m.SenderName} {
		if !wire.ValidID(id) {
			t.Errorf("%s is %q", what, id)
		}
	}
	for what, id := range map[string]string{"receiver": m.ReceiverID, "tempId": m.TempID, "deletedBy": m.DeletedBy} {
		if id != "" && !wire.ValidID(id) {
			t.Errorf("%s is %q", what, id)
		}
	}
	for what, at := range map[string]time.Time{"createdAt": m.CreatedAt, "editedAt": m.EditedAt, "deletedAt": m.DeletedAt} {
		if at.IsZero() {
			continue
		}
		if y := at.UTC().Year(); y < 1 || y > 9999 {
			t.Errorf("%s is %v, which no database keeps", what, at)
		}
		if at.Nanosecond()%1e6 != 0 {
			t.Errorf("%s is %v", what, at)
		}
	}
	for what, raw := range map[string][]byte{"metadata": m.Metadata, "replyTo": m.ReplyTo, "extra": object(m.Extra)} {
		if len(raw) > 0 && (!json.Valid(raw) || !utf8.Valid(raw)) {
			t.Errorf("%s is %q", what, raw)
		}
	}
	if !utf8.ValidString(m.Content) || m.CreatedAt.IsZero() || m.ID != d.text(rec, "id") && utf8.Valid(d.value(rec, "id")) {
		t.Errorf("%+v of %q", m, rec.values)
	}
	switch content := d.text(rec, "content"); {
	case r.deleted():
		if m.Content != "" || m.Metadata != nil || m.ReplyTo != nil || m.Extra != nil {
			t.Errorf("deleted, and %+v", m)
		}
	case m.Content != content && utf8.ValidString(content):
		t.Errorf("content %q of %q", m.Content, content)
	}
}
