package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/corrillo/corrillo/config"
)

type migrateCmd struct {
	Settings config.Settings `embed:""`
}

// Run migrates and says so. Unlike serve it does not wait for a database that
// is away: whoever runs it wants to know.
func (c *migrateCmd) Run(p *program) (err error) {
	// Tokens have nothing to do with tables.
	if c.Settings.Auth.Mode == "jwt" {
		c.Settings.Auth.Mode = "trust"
	}
	if err := p.settings(&c.Settings); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	store, name, err := openStore(ctx, &c.Settings, p.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Migrate(ctx); err != nil {
		return asRefused(name, err)
	}
	if _, err := fmt.Fprintf(p.out, "%s: the tables are up to date\n", name); err != nil {
		return err
	}
	return printMirror(p.out, store)
}
