package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/corrillo/corrillo/config"
)

type tokenCmd struct {
	Sub           string        `required:"" placeholder:"USER" help:"User id (sub)."`
	Name          string        `help:"Name that others see (name); the id when empty."`
	TTL           time.Duration `name:"ttl" default:"24h" help:"How long the token is good."`
	Conversations []string      `placeholder:"ID,..." help:"Conversations that the user counts as a member of."`

	Settings config.Settings `embed:""`
}

// Run prints the token alone, for use in $(...).
func (c *tokenCmd) Run(p *program) error {
	if err := p.settings(&c.Settings); err != nil {
		return err
	}
	if c.Settings.Auth.JWT.Secret == "" {
		return errNoSecret
	}
	verifier, err := newVerifier(&c.Settings, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	token, err := verifier.Mint(c.Sub, c.Name, c.TTL, c.Conversations)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.out, token)
	return err
}
