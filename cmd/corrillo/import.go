package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/corrillo/corrillo/actors/session"
	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/repo/importer"
	"github.com/corrillo/corrillo/repo/mysql"
)

type importCmd struct {
	FromTable          string            `placeholder:"TABLE" group:"Import" help:"Table of the app's own that has the messages; store.mirror.table when there is one."`
	FromURL            string            `name:"from-url" placeholder:"URL" group:"Import" help:"Database of that table, mysql://...; DATABASE_URL when empty."`
	Column             map[string]string `mapsep:"," placeholder:"FIELD=COLUMN" group:"Import" help:"Which column a field is in, where its name does not say it: content=body; fields.color=color for one of the app's own; an empty column leaves the field out."`
	Where              string            `placeholder:"SQL" group:"Import" help:"Condition on the rows that are imported: \"conversationId IS NOT NULL\"."`
	ParticipantsTable  string            `placeholder:"TABLE" group:"Import" help:"Table of who takes part in which conversation."`
	ParticipantsColumn map[string]string `mapsep:"," placeholder:"FIELD=COLUMN" group:"Import" help:"As --column, for that table."`
	UsersTable         string            `placeholder:"TABLE" group:"Import" help:"Table of what users are called."`
	UsersColumn        map[string]string `mapsep:"," placeholder:"FIELD=COLUMN" group:"Import" help:"As --column, for that table."`
	TimeZone           string            `default:"UTC" placeholder:"ZONE" group:"Import" help:"What DATETIME columns are in, such as Europe/Madrid; Prisma writes UTC."`
	Batch              int               `default:"2000" group:"Import" help:"Rows in one transaction."`
	DryRun             bool              `group:"Import" help:"Say what would happen; write nothing."`
	SkipInvalid        bool              `group:"Import" help:"Rows that cannot be taken do not make the import fail."`
	Refused            string            `name:"refused" placeholder:"FILE" group:"Import" help:"Write every row that cannot be taken to this file: table, id and reason, with tabs between."`
	State              string            `default:".corrillo-import.json" placeholder:"FILE" group:"Import" help:"Where it is kept how far the import is, until it is finished; empty: nowhere."`

	Settings config.Settings `embed:""`
}

// exitRefused is the exit code of an import that is complete but for rows that
// could not be taken.
const exitRefused = 3

// Run imports, until it is done or interrupted.
func (c *importCmd) Run(p *program) (err error) {
	s := &c.Settings
	// Tokens have nothing to do with tables.
	if s.Auth.Mode == "jwt" {
		s.Auth.Mode = "trust"
	}
	if err := errors.Join(p.settings(s), checkParts(s)); err != nil {
		return err
	}
	o, err := c.options(p)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	closeAll, err := c.open(ctx, p, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	show, err := newImportProgress(p.err, c.Refused)
	if err != nil {
		return err
	}
	o.Progress, o.Refused, o.Note = show.progress, show.refused, show.note
	im, err := importer.New(ctx, *o)
	if err == nil && !c.DryRun {
		err = o.Store.Migrate(ctx)
	}
	if err != nil {
		return errors.Join(err, show.close())
	}
	begun := time.Now()
	report, err := im.Run(ctx)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err := errors.Join(err, show.close()); err != nil {
		if !c.DryRun {
			err = fmt.Errorf("%w\nthe import is not finished, and goes on from here when it is run again", err)
		}
		return errors.Join(err, printReport(p.err, &report, c.DryRun, time.Since(begun)))
	}
	if err := printReport(p.out, &report, c.DryRun, time.Since(begun)); err != nil {
		return err
	}
	if report.Refused > 0 && !c.SkipInvalid {
		return exitError{exitRefused, fmt.Errorf("%d rows were refused; --skip-invalid takes that for a success", report.Refused)}
	}
	return nil
}

// options says what the flags say. The mirror's table and columns are those
// of the import, too, unless others are named.
func (c *importCmd) options(p *program) (*importer.Options, error) {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("--time-zone %s: there is no such zone; UTC, or a name such as Europe/Madrid", c.TimeZone)
	}
	if c.Batch < 1 || c.Batch > 50_000 {
		return nil, fmt.Errorf("--batch %d: want 1 to 50000", c.Batch)
	}
	mirror := &c.Settings.Store.Mirror
	table := cmp.Or(c.FromTable, mirror.Table)
	columns := map[string]string{}
	if table == mirror.Table {
		columns = importer.Known(mirror.Columns)
	}
	maps.Copy(columns, c.Column)
	o := &importer.Options{
		Hash: session.Hash, Table: table, Columns: columns, Where: c.Where,
		Participants: c.ParticipantsTable, ParticipantsColumns: c.ParticipantsColumn,
		Users: c.UsersTable, UsersColumns: c.UsersColumn,
		Zone: zone, Batch: c.Batch, DryRun: c.DryRun, State: c.State,
	}
	if o.State != "" && !filepath.IsAbs(o.State) {
		o.State = filepath.Join(p.dir, o.State)
	}
	return o, nil
}

// open opens both sides. What is imported is in the app's table already: the
// mirror is off.
func (c *importCmd) open(ctx context.Context, p *program, o *importer.Options) (closeAll func() error, err error) {
	s := c.Settings
	s.Store.Mirror.Table = ""
	from := cmp.Or(c.FromURL, s.Store.URL)
	if from == "" {
		return nil, errors.New("--from-url (or DATABASE_URL): which database is the table in?")
	}
	where, err := mysql.ParseURL(from)
	if err != nil {
		return nil, fmt.Errorf("--from-url: %w", err)
	}
	if o.Source, err = mysql.OpenReader(where); err != nil {
		return nil, err
	}
	if err := o.Source.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("the app's database %s/%s: %w", where.Address, where.Database, err), o.Source.Close())
	}
	closeAll = o.Source.Close
	if path := filepath.Join(p.dir, s.Store.SQLite); c.DryRun && s.Store.URL == "" && !filepath.IsAbs(s.Store.SQLite) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return closeAll, nil // opening it would make it
		}
	}
	store, name, err := openStore(ctx, &s, p.dir)
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	closeAll = func() error { return errors.Join(store.Close(), o.Source.Close()) }
	o.Name = where.Address + "/" + where.Database + " into " + name + " " + s.Store.TablePrefix
	var ok bool
	if o.Store, ok = store.(importer.Store); !ok {
		return nil, errors.Join(fmt.Errorf("%s cannot be imported into", name), closeAll())
	}
	if err := store.Ping(ctx); err != nil {
		return nil, errors.Join(asRefused(name, err), closeAll())
	}
	return closeAll, nil
}
