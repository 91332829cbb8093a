package check

import (
	"context"
	"fmt"
	"strings"

	"vitess.io/vitess/go/stats"
	querypb "vitess.io/vitess/go/vt/proto/query"
	"vitess.io/vitess/go/vt/topo/memorytopo"
	"vitess.io/vitess/go/vt/vtenv"
	"vitess.io/vitess/go/vt/vtexplain"
)

const (
	keyspace = "corrillo"
	shards   = 4
	lookup   = "corrillo_message_by_id"
)

// planner is Vitess's own, over pretended shards.
type planner struct{ vte *vtexplain.VTExplain }

// newPlanner makes a planner for the two keyspaces, by their VSchemas. schema
// is the DDL of both.
func newPlanner(ctx context.Context, vschema, plain, schema string) (*planner, error) {
	env, err := vtenv.New(vtenv.Options{})
	if err != nil {
		return nil, fmt.Errorf("make Vitess's environment: %w", err)
	}
	o := vtexplain.Options{
		NumShards: shards, ReplicationMode: "ROW", Normalize: true, StrictDDL: true,
		ExecutionMode: vtexplain.ModeMulti, Target: keyspace, PlannerVersion: querypb.ExecuteOptions_Gen4,
	}
	vte, err := vtexplain.Init(ctx, env, memorytopo.NewServer(ctx, vtexplain.Cell),
		`{"`+keyspace+`": `+vschema+`, "`+keyspace+`_plain": `+plain+`}`, schema, "", &o, stats.NewCountersWithSingleLabel("", "", ""))
	if err != nil {
		return nil, fmt.Errorf("start vtexplain: %w", err)
	}
	return &planner{vte}, nil
}

func (p *planner) stop() { p.vte.Stop() }

// plan is where a statement goes.
type plan struct {
	shards  int // with a query on a table of ours
	lookups int // with a query on the lookup vindex's table
}

// explain runs one statement, whose values are written out.
func (p *planner) explain(sql string) (plan, error) {
	var at plan
	all, err := p.vte.Run(sql)
	if err != nil {
		return at, err
	}
	for _, e := range all {
		for _, tablet := range e.TabletActions {
			ours, byLookup := 0, 0
			for _, q := range tablet.TabletQueries {
				switch {
				case strings.Contains(q.SQL, lookup):
					byLookup = 1
				case strings.Contains(q.SQL, "corrillo_"):
					ours = 1
				}
			}
			at.shards += ours
			at.lookups += byLookup
		}
	}
	return at, nil
}
