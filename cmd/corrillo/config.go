package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/corrillo/corrillo/config"
)

type configCheckCmd struct {
	Settings config.Settings `embed:""`
}

// Run prints ok, or fails with a line for everything that is wrong. What the
// database itself is set to is a warning: it may be meant so.
func (c *configCheckCmd) Run(p *program) error {
	if err := errors.Join(p.settings(&c.Settings), checkParts(&c.Settings)); err != nil {
		return err
	}
	warnOfWeaknesses(context.Background(), p, &c.Settings)
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
