package scenario

import (
	"cmp"
	"context"

	"github.com/corrillo/corrillo/bench/client"
)

// Polling is Rooms over HTTP long-polling.
func Polling(ctx context.Context, c Config, t Target) (Report, error) {
	c.Dialect = client.Polling
	c.Connections = cmp.Or(c.Connections, 200)
	return talk(ctx, c, t, "polling", nil)
}
