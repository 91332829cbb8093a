package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Versions are of everything that these kinds consist of, by name. Corrillo's
// own is Revision.
func (b *Bed) Versions(ctx context.Context, kinds []Kind) (map[string]string, error) {
	found := map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}
	var failed error
	add := func(name string, version func() (string, error)) {
		if found[name] != "" {
			return
		}
		v, err := version()
		found[name], failed = v, errors.Join(failed, err)
	}
	for _, k := range kinds {
		switch k.Name {
		case Reference, ReferenceNoStore:
			add("Node", func() (string, error) { return nodeVersion(ctx) })
			for _, name := range []string{"socket.io", "mysql2"} {
				add(name, func() (string, error) { return b.packageVersion(name) })
			}
		case Centrifugo, CentrifugoHistory:
			add("Centrifugo", func() (string, error) { return strings.TrimPrefix(CentrifugoVersion, "v"), nil })
		}
		switch k.Name {
		case Reference, CorrilloMariaDB, CorrilloSocketIO, Older, Alone, Nodes1, Nodes2, Nodes3:
			add("MariaDB", b.mariadbVersion)
		}
	}
	return found, failed
}

func nodeVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), err
}

func (b *Bed) packageVersion(name string) (string, error) {
	data, err := os.ReadFile(filepath.Join(b.reference(), "node_modules", name, "package.json"))
	if err != nil {
		return "", err
	}
	var p struct {
		Version string `json:"version"`
	}
	err = json.Unmarshal(data, &p)
	return p.Version, err
}

func (b *Bed) mariadbVersion() (string, error) {
	if err := b.startMariaDB(); err != nil {
		return "", err
	}
	version, err := b.mariadb.Version()
	version, _, _ = strings.Cut(version, "-")
	return version, err
}

// served is what Corrillo's server is made of; the rest of the tree does not
// change a figure.
var served = []string{"cmd/corrillo", "actors", "config", "repo", "web/demo/dist", "web/embed.go", "wire", "go.mod"}

// Revision is that of the source that Corrillo is built from, with a + when
// the files differ from it; empty where there is no git, and for a binary that
// was given.
func (b *Bed) Revision(ctx context.Context) string {
	if b.given {
		return ""
	}
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", b.root}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	revision, err := git(append([]string{"log", "-1", "--format=%h", "--abbrev=12", "--"}, served...)...)
	if err != nil {
		return ""
	}
	if changed, err := git(append([]string{"status", "--porcelain", "--"}, served...)...); err == nil && changed != "" {
		return fmt.Sprint(revision, "+")
	}
	return revision
}
