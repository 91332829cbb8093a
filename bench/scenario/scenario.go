// Package scenario runs crowds of clients against a server and hands what
// they saw to the judge.
//
// Each scenario is a function of one shape. Its error is for a run that could
// not begin; what went wrong later is in the Report.
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
