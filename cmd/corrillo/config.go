package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/config"
)

type configCheckCmd struct {
	Settings config.Settings `embed:""`
}

// Run prints ok, or fails with a line for everything that is wrong. What the
// database itself is set to is a warning: it may be meant so, and that it is away
// is one too.
func (c *configCheckCmd) Run(p *program) error {
	s := &c.Settings
	now := time.Now()
	if err := errors.Join(p.settings(s), checkParts(s), checkPair(s.TLS), checkExpiry(s.TLS, now), checkCluster(s), checkShown(s, now)); err != nil {
		return err
	}
	if idle := p.loader.Idle(s); idle != "" {
		_, _ = fmt.Fprintf(p.err, "corrillo: warning: %s\n", idle)
	}
	if err := warnOfWeaknesses(context.Background(), p, s); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.out, "ok")
	return err
}

type configPrintCmd struct {
	Settings config.Settings `embed:""`
}

// Run prints the settings even when some are wrong, since then they are
// looked at most; the exit code says so.
func (c *configPrintCmd) Run(p *program) error {
	wrong := p.settings(&c.Settings)
	return errors.Join(p.loader.Print(p.out, &c.Settings), wrong)
}
