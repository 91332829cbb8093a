package importer

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
)

// Importer is one import. Make it with New, which looks at the tables, and
// Run it once.
type Importer struct {
	o      Options
	src    source
	reader reader
	names  *names
	people *mapping // nil: no table of participants
	known  *conversations
	writer *writer
	place  checkpoint
	report Report
	seen   map[uint64]int // conversations, of a dry run
	seed   maphash.Seed
}

// New holds the mapping against the tables. Its error has a line for each
// thing that is wrong, naming the flag and the columns.
func New(ctx context.Context, o Options) (*Importer, error) {
	o.setDefaults()
	im := &Importer{o: o, seen: map[uint64]int{}, seed: maphash.MakeSeed()}
	messages, err := im.bindMessages(ctx)
	users, userErr := im.bind(ctx, o.Users, "--users-table", userFields, o.UsersColumns, "--users-column")
	people, peopleErr := im.bind(ctx, o.Participants, "--participants-table", participantFields, o.ParticipantsColumns, "--participants-column")
	if err := errors.Join(err, userErr, peopleErr); err != nil {
		return nil, err
	}
	im.people = people
	im.src = source{db: o.Source, m: messages, where: o.Where}
	im.reader = reader{m: messages, zone: o.Zone, hash: o.Hash}
	if im.names, err = newNames(o.Source, users); err != nil {
		return nil, err
	}
	if im.known, err = newConversations(o.Store); err != nil {
		return nil, err
	}
	im.writer = &writer{store: o.Store, known: im.known, patience: o.Patience}
	im.place = checkpoint{path: o.State, Name: o.Name, What: im.what()}
	for _, m := range []*mapping{messages, users, people} {
		if m != nil {
			o.Note(m.describe())
		}
	}
	im.noteReading()
	return im, nil
}

func (im *Importer) bindMessages(ctx context.Context) (*mapping, error) {
	m, err := im.bind(ctx, im.o.Table, "--from-table", messageFields, im.o.Columns, "--column")
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, errors.New("--from-table: which table are the messages in?")
	}
	if !m.has("conversationId") && !m.has("receiverId") {
		return nil, fmt.Errorf("no column of table %s is called like conversationId or receiverId: say where the messages go with --column conversationId=COLUMN or --column receiverId=COLUMN; the table has %s",
			m.table.name, m.table.list())
	}
	if id := m.column("id"); id.nullable || !m.table.hasUnique(id.name) {
		return nil, fmt.Errorf("--column id=%s: the column is no primary or unique key of %s, and two rows might be taken for one", id.name, m.table.name)
	}
	return m, nil
}

// bind gives nil where no table is named.
func (im *Importer) bind(ctx context.Context, name, tableFlag string, fields []field, given map[string]string, flag string) (*mapping, error) {
	if name == "" {
		if len(given) > 0 {
			return nil, fmt.Errorf("%s is given without %s", flag, tableFlag)
		}
		return nil, nil
	}
	t, err := readTable(ctx, im.o.Source, name, tableFlag)
	if err != nil {
		return nil, err
	}
	return bind(t, fields, tableFlag == "--from-table", given, flag)
}

// what tells this import from one with another meaning.
func (im *Importer) what() string {
	parts := []string{im.src.m.describe(), "where " + im.o.Where, im.o.Zone.String()}
	if im.people != nil {
		parts = append(parts, im.people.describe())
	}
	return strings.Join(parts, "; ")
}

// noteReading says what counts as read.
func (im *Importer) noteReading() {
	m := im.src.m
	switch {
	case m.has("isRead") || m.has("readAt"):
		if !m.has("receiverId") {
			im.o.Note("no column says who a message goes to, so that readAt and isRead are nobody's: everything counts as read")
		}
	case im.people != nil && (im.people.has("lastReadAt") || im.people.has("lastReadMessageId")):
	default:
		im.o.Note("no column says what was read: everything that is imported counts as read")
	}
}

// readByAll: of a group only the table of participants can say who has read
// what.
func (im *Importer) readByAll() bool {
	return im.people == nil || !im.people.has("lastReadAt") && !im.people.has("lastReadMessageId")
}

// Run imports. When it ends with an error, what is saved is saved, and another
// Run goes on from there. The report counts in any case.
func (im *Importer) Run(ctx context.Context) (Report, error) {
	err := im.run(ctx)
	im.report.Conversations = im.place.Conversations + im.writer.made
	if im.o.DryRun {
		im.report.Conversations = int64(len(im.seen))
	}
	return im.report, err
}

func (im *Importer) run(ctx context.Context) error {
	total, err := im.src.count(ctx)
	if err != nil {
		return err
	}
	if err := im.resume(ctx); err != nil {
		return err
	}
	if err := im.messages(ctx, total); err != nil {
		return err
	}
	if im.people != nil {
		if err := im.participants(ctx); err != nil {
			return err
		}
	}
	im.report.Finished = true
	if im.o.DryRun {
		return nil // the note is of an import that really runs
	}
	return im.place.remove()
}

// refuse counts a row that is not taken.
func (im *Importer) refuse(table, id, reason string) {
	im.report.Refused++
	im.o.Refused(Refusal{Table: table, ID: id, Reason: reason})
}
