package mysql

import (
	"strings"

	sq "github.com/Masterminds/squirrel"
)

// recordID is the id of the only row of the table cluster, the record.
const recordID = 1

// registryTexts is the SQL of a registry.
type registryTexts struct {
	register, renew, read  string
	firstRecord, setRecord string
	nodes                  string // the table of leases
}

// Times are taken from the database's clock, within the statements.
const (
	serverNow   = "UTC_TIMESTAMP(3)"
	serverAfter = serverNow + " + INTERVAL ? MICROSECOND"
	// leaseOver is true for an expired lease: also for one that would last longer
	// than any lease does, since it was written before the clock was put back. Nodes
	// that live have renewed theirs a moment later.
	leaseOver = "(expiresAt <= " + serverNow + " OR expiresAt > " + serverAfter + ")"
)

func newRegistryTexts(prefix string) registryTexts {
	nodes, cluster := prefix+"node", prefix+"cluster"
	columns := []string{"address", "version", "schemaVersion", "meta"}
	d := dialect()
	keep := make([]string, 0, len(columns)+1)
	for _, c := range append(columns, "expiresAt") {
		keep = append(keep, c+" = "+d.Inserted(c))
	}
	return registryTexts{
		nodes: nodes,
		register: sqlText(sq.Insert(nodes).Columns("id", "address", "version", "schemaVersion", "meta", "joinedAt", "expiresAt").
			Values("", "", "", 0, "", sq.Expr(serverNow), sq.Expr(serverAfter, 0)).
			Suffix(d.Upsert("id") + strings.Join(keep, ", "))),
		renew: sqlText(sq.Update(nodes).Set("address", "").Set("version", "").Set("schemaVersion", 0).Set("meta", "").
			Set("expiresAt", sq.Expr(serverAfter, 0)).Where("id = ?", "")),
		// The record comes as a row with an empty id, the first one.
		read: sqlText(sq.Select("'' AS id", "generation", "members AS body", "'' AS address", "'' AS version", "0 AS schemaVersion", "0 AS expired", serverNow).
			From(cluster).Where("id = ?", recordID).
			SuffixExpr(sq.Select("id", "0", "meta", "address", "version", "schemaVersion").Column(leaseOver, 0).Column(serverNow).
				Prefix("UNION ALL").From(nodes)).
			Suffix("ORDER BY id")),
		firstRecord: sqlText(sq.Insert(cluster).Columns("id", "generation", "members", "changedAt").Values(0, 0, "", sq.Expr(serverNow))),
		setRecord: sqlText(sq.Update(cluster).Set("generation", 0).Set("members", "").Set("changedAt", sq.Expr(serverNow)).
			Where("id = ? AND generation = ?", 0, 0)),
	}
}

func (t *registryTexts) remove(n int) string {
	return sqlText(sq.Delete(t.nodes).Where(sq.Eq{"id": make([]string, n)}))
}

func (t *registryTexts) removeExpired(n int) string {
	return sqlText(sq.Delete(t.nodes).Where(sq.Eq{"id": make([]string, n)}).Where(leaseOver, 0))
}

func (t *registryTexts) count(n int) string {
	return sqlText(sq.Select("COUNT(*)").From(t.nodes).Where(sq.Eq{"id": make([]string, n)}))
}

// sqlText returns a statement's text; its arguments are given when it is run. An
// error in building it is a bug of this file.
func sqlText(b sq.Sqlizer) string {
	text, _, err := b.ToSql()
	if err != nil {
		panic(err)
	}
	return text
}
