package faults

import (
	"context"
	"time"
)

// failovers are the nemeses of a pair.
var failovers = []Nemesis{
	{Name: "failover", Needs: MariaDB | DatabaseLink | Replica | ShortSaves, Strike: failOver},
}

// failOver kills the primary for good. Its replica is promoted, the link leads
// there, and another replica joins: the pair is whole again.
func failOver(ctx context.Context, a *Arena, hold time.Duration) error {
	a.Pair.Primary.Kill(a.TB)
	if err := wait(ctx, hold); err != nil {
		return err
	}
	a.Pair.Promote(a.TB)
	a.Database = a.Pair.Primary
	if err := a.DatabaseLink.Point(a.Database.Addr()); err != nil {
		return err
	}
	a.Pair.Rejoin(a.TB)
	return nil
}
