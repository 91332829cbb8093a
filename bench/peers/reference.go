package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/corrillo/corrillo/repo/repotest"
)

// startReference runs bench/reference.
func startReference(stores bool) func(context.Context, *Bed, string) (Server, error) {
	return func(ctx context.Context, b *Bed, dir string) (Server, error) {
		source := b.reference()
		if _, err := os.Stat(filepath.Join(source, "node_modules")); err != nil {
			return nil, fmt.Errorf("its packages are not installed, `make deps` does it: %w", err)
		}
		port, err := repotest.FreePort()
		if err != nil {
			return nil, err
		}
		url, drop, err := b.database(stores)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command("node", filepath.Join(source, "server.js")) //nolint:contextcheck // Stop ends it
		cmd.Dir = dir
		cmd.Env = append(environ("PORT", "HOST", "DATABASE_URL", "DATABASE_POOL", "CORS_ORIGIN", "NODE_OPTIONS"),
			"NODE_ENV=production", fmt.Sprintf("PORT=%d", port))
		if url != "" {
			cmd.Env = append(cmd.Env, "DATABASE_URL="+url)
		}
		return spawn(ctx, cmd, dir, fmt.Sprintf("127.0.0.1:%d", port), "/health", drop)
	}
}

func (b *Bed) reference() string { return filepath.Join(b.root, "bench", "reference") }

// environ is this process's environment without some names.
func environ(without ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(without, name)
	})
}
