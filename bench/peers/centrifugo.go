package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/corrillo/corrillo/repo/repotest"
)

// CentrifugoVersion is what is measured.
const CentrifugoVersion = "v6.9.1"

const centrifugoModule = "github.com/centrifugal/centrifugo/v6"

// installCentrifugo gives the binary's path. The module's own go.mod says
// which dependencies it is built with, as in its releases; Go checks all of
// them against its checksum database.
func (b *Bed) installCentrifugo(ctx context.Context) (string, error) {
	if b.centrifugo != "" {
		return b.centrifugo, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "corrillo", "bench", "centrifugo-"+CentrifugoVersion)
	binary := filepath.Join(dir, "centrifugo")
	if _, err := os.Stat(binary); err != nil {
		b.say("building Centrifugo %s, once, which takes minutes", CentrifugoVersion)
		cmd := exec.CommandContext(ctx, "go", "install", "-ldflags=-s -w", centrifugoModule+"@"+CentrifugoVersion)
		cmd.Dir = b.dir
		cmd.Env = append(environ("GOBIN", "GOFLAGS"), "GOBIN="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	}
	b.centrifugo = binary
	return binary, nil
}

// startCentrifugo runs Centrifugo in memory, set for the load at hand: clients
// may publish, subscribers get what they publish themselves, write buffers
// come from a pool. With history it keeps what a client needs to come back
// without a gap.
func startCentrifugo(history bool) func(context.Context, *Bed, string) (Server, error) {
	return func(ctx context.Context, b *Bed, dir string) (Server, error) {
		binary, err := b.installCentrifugo(ctx)
		if err != nil {
			return nil, err
		}
		port, err := repotest.FreePort()
		if err != nil {
			return nil, err
		}
		settings, err := json.MarshalIndent(centrifugoSettings(port, history), "", "  ")
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "config.json")
		if err := os.WriteFile(file, settings, 0o600); err != nil {
			return nil, err
		}
		cmd := exec.Command(binary, "--config", file) //nolint:contextcheck // Stop ends it
		cmd.Dir = dir
		return spawn(ctx, cmd, dir, fmt.Sprintf("127.0.0.1:%d", port), "/health", func() error { return nil })
	}
}

func centrifugoSettings(port int, history bool) map[string]any {
	channel := map[string]any{
		"allow_subscribe_for_client": true,
		"allow_publish_for_client":   true,
	}
	if history {
		channel["history_size"] = 1000
		channel["history_ttl"] = "300s"
		channel["force_recovery"] = true
	}
	return map[string]any{
		"engine":      map[string]any{"type": "memory"},
		"http_server": map[string]any{"address": "127.0.0.1", "port": fmt.Sprint(port)},
		"client":      map[string]any{"insecure": true, "allowed_origins": []string{"*"}},
		"websocket":   map[string]any{"use_write_buffer_pool": true},
		"channel":     map[string]any{"without_namespace": channel},
		"health":      map[string]any{"enabled": true},
		"log":         map[string]any{"level": "error"},
	}
}
