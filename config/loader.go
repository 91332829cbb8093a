package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/alecthomas/kong"
)

// DefaultFile is read from the working directory when no other file is named.
const DefaultFile = "corrillo.yaml"

const envPrefix = "CORRILLO_"

// Loader brings the settings of a kong command line together. Make one with
// NewLoader, hand its Options to kong, and call Finish from the command.
type Loader struct {
	dir string
	env map[string]string

	loaded   bool
	file     map[string]fileValue
	fileName string
	// origins says for each key where its value came from, in words.
	origins  map[string]string
	problems []error
	flagEnvs map[string][]string // by flag, CORRILLO_ name first

	localAddrs func() ([]net.Addr, error) // of this machine
}

// NewLoader reads no files yet. dir is the working directory, environ is as
// os.Environ gives it.
func NewLoader(dir string, environ []string) *Loader {
	l := &Loader{dir: dir, env: map[string]string{}, origins: map[string]string{}, flagEnvs: map[string][]string{}, localAddrs: net.InterfaceAddrs}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			l.env[k] = v
		}
	}
	return l
}

// Options makes kong resolve each flag that has a key by way of the
// environment, the file, and the presets.
func (l *Loader) Options() []kong.Option {
	return []kong.Option{
		kong.PostBuild(func(k *kong.Kong) error {
			l.adopt(k.Model.Node)
			return nil
		}),
		kong.Resolvers(kong.ResolverFunc(l.resolve)),
	}
}

// adopt takes the environment names from kong, which would rank them below a
// file, and puts them into the help.
func (l *Loader) adopt(n *kong.Node) {
	for _, f := range n.Flags {
		if !f.Tag.Has("key") {
			continue
		}
		names := append([]string{envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))}, f.Tag.Envs...)
		l.flagEnvs[f.Name] = names
		f.Envs, f.Tag.Envs = nil, nil
		f.Help = strings.TrimSpace(f.Help) + " ($" + names[len(names)-1] + ")"
		if f.Group == nil {
			f.Group = &kong.Group{Key: "Settings", Title: "Settings"}
		}
	}
	for _, c := range n.Children {
		l.adopt(c)
	}
}

// resolve implements kong.Resolver for one flag that the command line did not
// give.
func (l *Loader) resolve(ctx *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	key := f.Tag.Get("key")
	if key == "" {
		return nil, nil
	}
	l.load(ctx)
	if name, v, ok := l.fromEnv(f.Name); ok {
		return l.accept(f, key, v, "environment "+name), nil
	}
	if v, ok := l.file[key]; ok {
		origin := fmt.Sprintf("%s:%d", l.fileName, v.line)
		if v.pairs != nil {
			return l.accept(f, key, v.pairs, origin), nil
		}
		if !v.isList {
			return l.accept(f, key, v.scalar, origin), nil
		}
		list := make([]any, len(v.list))
		for i := range v.list {
			list[i] = v.list[i]
		}
		return l.accept(f, key, list, origin), nil
	}
	return l.preset(ctx, f, key), nil
}

// limitsOff is the Origin of what --limits=off stands for.
const limitsOff = "limits off"

// preset gives the values that --dev and --limits=off stand for.
func (l *Loader) preset(ctx *kong.Context, f *kong.Flag, key string) any {
	if dev, _ := flagValue[bool](ctx, "dev"); dev && f.Tag.Has("dev") {
		return l.accept(f, key, f.Tag.Get("dev"), "--dev")
	}
	if f.Tag.Has("off") && l.limitsOff(ctx) {
		return l.accept(f, key, f.Tag.Get("off"), limitsOff)
	}
	return nil
}

func (l *Loader) limitsOff(ctx *kong.Context) bool {
	if mode, given := flagValue[string](ctx, "limits"); given {
		return mode == "off"
	}
	if _, v, ok := l.fromEnv("limits"); ok {
		return v == "off"
	}
	return l.file["limits.mode"].scalar == "off"
}

// accept tries the value on the flag's own type, so that what is wrong with
// it is told with the place it came from, and all at once. It gives nil for a
// value that does not fit.
func (l *Loader) accept(f *kong.Flag, key string, v any, origin string) any {
	target := reflect.New(f.Target.Type()).Elem()
	if err := f.Parse(kong.Scan().PushTyped(v, kong.FlagValueToken), target); err != nil {
		if f.Tag.Has("secret") {
			err = errors.New("not a value of this setting")
		}
		l.problems = append(l.problems, fmt.Errorf("%s: %s: %w", origin, key, trimFlag(err)))
		return nil
	}
	if f.Enum != "" && !slices.Contains(f.EnumSlice(), target.String()) {
		l.problems = append(l.problems, fmt.Errorf("%s: %s: %q is none of %s", origin, key, target.String(), strings.Join(f.EnumSlice(), ", ")))
		return nil
	}
	l.origins[key] = origin
	return v
}

// trimFlag takes kong's "--flag: " from the front of an error: the key says
// the same.
func trimFlag(err error) error {
	if _, rest, ok := strings.Cut(err.Error(), ": "); ok && strings.HasPrefix(err.Error(), "--") {
		return errors.New(rest)
	}
	return err
}

// fromEnv finds the first of a flag's names that is set to something. What
// Kubernetes puts there for a service of the name "corrillo" is not meant for
// us.
func (l *Loader) fromEnv(flag string) (name, value string, ok bool) {
	for _, name := range l.flagEnvs[flag] {
		v := l.env[name]
		if v == "" || (name == envPrefix+"PORT" && strings.HasPrefix(v, "tcp://")) {
			continue
		}
		return name, v, true
	}
	return "", "", false
}

// load reads the file once.
func (l *Loader) load(ctx *kong.Context) {
	if l.loaded {
		return
	}
	l.loaded = true
	name, named := flagValue[string](ctx, "config")
	if !named || name == "" {
		name, named = l.env[envPrefix+"CONFIG"], l.env[envPrefix+"CONFIG"] != ""
	}
	if !named {
		name = DefaultFile
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.dir, path)
	}
	data, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if errors.Is(err, fs.ErrNotExist) && !named {
		return
	}
	if err != nil {
		l.problems = append(l.problems, fmt.Errorf("read settings: %w", err))
		return
	}
	l.fileName = name
	l.file, err = parseFile(name, data, Keys())
	if err != nil {
		l.problems = append(l.problems, err)
	}
}

// flagValue gives a flag's value when the command line has it.
func flagValue[T any](ctx *kong.Context, name string) (value T, given bool) {
	for _, p := range ctx.Path {
		if p.Flag != nil && p.Flag.Name == name && !p.Resolved {
			v, ok := ctx.FlagValue(p.Flag).(T)
			return v, ok
		}
	}
	return value, false
}

// Finish reports everything that is wrong with the settings, file and
// environment included, one line each. ctx is the parsed command line.
func (l *Loader) Finish(ctx *kong.Context, s *Settings) error {
	for _, p := range ctx.Path {
		if p.Flag != nil && p.Flag.Tag.Has("key") && !p.Resolved {
			l.origins[p.Flag.Tag.Get("key")] = "flag --" + p.Flag.Name
		}
	}
	s.tidyLists()
	l.fitCluster(s)
	return errors.Join(append(slices.Clone(l.problems), l.Validate(s)...)...)
}

// Origin says where a key's value came from: "default", "--dev", "limits
// off", "corrillo.yaml:7", "environment PORT" or "flag --port".
func (l *Loader) Origin(key string) string {
	if o := l.origins[key]; o != "" {
		return o
	}
	return "default"
}

// FileName is the settings file that was read, empty when there was none.
func (l *Loader) FileName() string { return l.fileName }

// Warnings names what is in the environment under our prefix and means
// nothing: a misspelt setting is silent otherwise.
func (l *Loader) Warnings() []string {
	known := []string{envPrefix + "CONFIG"}
	for _, names := range l.flagEnvs {
		known = append(known, names[0])
	}
	var out []string
	for name := range l.env {
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) || isServiceLink(name) {
			continue
		}
		out = append(out, fmt.Sprintf("%s in the environment is no setting; did you mean %s?", name, nearest(name, known)))
	}
	sort.Strings(out)
	return out
}

// isServiceLink reports whether Kubernetes makes a variable of this name for
// a service that is called corrillo.
func isServiceLink(name string) bool {
	return strings.HasPrefix(name, envPrefix+"SERVICE_") || strings.HasPrefix(name, envPrefix+"PORT_")
}
