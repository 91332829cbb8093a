package scenario

import "context"

// Func is a scenario.
type Func func(ctx context.Context, c Config, t Target) (Report, error)

// Named are the scenarios by the names that their reports and the command
// have.
func Named() map[string]Func {
	return map[string]Func{
		"rooms":    Rooms,
		"openloop": OpenLoop,
		"fanout":   Fanout,
		"memory":   Memory,
		"connect":  ConnectRate,
		"polling":  Polling,
		"touched":  Touched,
		"history":  History,
		"hop":      RemoteHop,
		"join":     NodeJoins,
	}
}
