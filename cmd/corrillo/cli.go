package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/corrillo/corrillo/config"
)

// commands is the whole command line.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Migrate migrateCmd `cmd:"" help:"Bring the database's tables up to date; serve does it too."`
	Import  importCmd  `cmd:"" help:"Bring the messages of the app's own table over."`
	Token   tokenCmd   `cmd:"" help:"Make a JWT for a user with the configured secret."`
	Config  struct {
		Check configCheckCmd `cmd:"" help:"Say what is wrong with the settings, if anything."`
		Print configPrintCmd `cmd:"" help:"Print the settings as they are, and where each comes from."`
	} `cmd:"" help:"Look at the settings."`
	Cluster clusterCmd `cmd:"" help:"Look at a cluster."`
	Send    sendCmd    `cmd:"" help:"Send a message to a running server, as a user."`
	Tail    tailCmd    `cmd:"" help:"Show a conversation of a running server as it goes on, as a user."`
	Version versionCmd `cmd:"" help:"Print the version."`
	// VersionFlag is for those who try that first.
	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`
}

// program is what a command may touch of the process.
type program struct {
	dir      string
	environ  []string
	in       io.Reader
	out, err io.Writer

	loader *config.Loader
	line   *kong.Context
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// run parses the command line, runs its command and returns the exit code.
func run(args []string, p *program) int {
	p.loader = config.NewLoader(p.dir, p.environ)
	exit := -1
	var cli commands
	options := append(p.loader.Options(),
		kong.Name("corrillo"),
		kong.Description("A chat server for clients of Socket.IO. Settings come from corrillo.yaml, the environment and flags; the later one wins."),
		kong.Writers(p.out, p.err),
		kong.Vars{"version": versionLine()},
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.PostBuild(func(k *kong.Kong) error {
			hideSettings(k.Model.Node)
			return nil
		}),
		kong.Bind(p),
	)
	parser, err := kong.New(&cli, options...)
	if err != nil {
		return p.fail(exitFailed, err)
	}
	p.line, err = parser.Parse(args)
	if exit >= 0 { // --help was answered
		return exit
	}
	if err != nil {
		return p.fail(exitUsage, fmt.Errorf("%w\nsee corrillo --help", err))
	}
	if err := p.line.Run(); err != nil {
		code := exitFailed
		if e, ok := errors.AsType[exitError](err); ok {
			code = e.code
		}
		return p.fail(code, err)
	}
	return exitOK
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	error
}

// fail prints an error, a line for each that was joined into it.
func (p *program) fail(code int, err error) int {
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintf(p.err, "corrillo: %s\n", strings.TrimRight(line, "\n"))
	}
	return code
}

// settings checks the settings of the command line.
func (p *program) settings(s *config.Settings) error {
	err := p.loader.Finish(p.line, s)
	for _, w := range p.loader.Warnings() {
		_, _ = fmt.Fprintf(p.err, "corrillo: warning: %s\n", w)
	}
	return err
}

// hideSettings keeps the help of the smaller commands short: they take every
// setting, but show only those that matter to them.
func hideSettings(app *kong.Node) {
	shown := map[string][]string{
		"migrate": {"General", "Store", "Log"},
		"import":  {"General", "Import", "Store"},
		"token":   {"General", "Identity"},
		"config":  {"General"},
	}
	var hide func(n *kong.Node, groups []string)
	hide = func(n *kong.Node, groups []string) {
		for _, f := range n.Flags {
			if f.Group != nil && !slices.Contains(groups, f.Group.Key) {
				f.Hidden = true
			}
		}
		for _, c := range n.Children {
			hide(c, groups)
		}
	}
	for _, c := range app.Children {
		if groups, ok := shown[c.Name]; ok {
			hide(c, groups)
		}
	}
}
