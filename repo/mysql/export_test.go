package mysql

import (
	"context"
	"time"
)

// SecondWay keeps the store from MariaDB's compound statement, so that it does
// what it would do with MySQL.
func (o *Options) SecondWay() { o.firstWay = 1 }

// DesertedAfter is how long a transaction may stand still.
func (o *Options) DesertedAfter(d time.Duration) { o.deserted = d }

// WeaknessesOf judges variables that no server gave.
func WeaknessesOf(variables map[string]string) []string { return weaknesses(variables) }

// Variables reads what Weaknesses judges.
func (s *Store) Variables(ctx context.Context) (map[string]string, error) { return s.variables(ctx) }

// PromisedVariables names what Weaknesses asks for.
func PromisedVariables() (names []string) {
	for i := range promises {
		names = append(names, promises[i].name)
	}
	return names
}
