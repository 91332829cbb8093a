package sqlstore

import (
	"context"
	"sort"

	"github.com/corrillo/corrillo/repo"
)

// person is what a group wants of one participant: all its changes of that
// user folded into one row.
type person struct {
	repo.ParticipantChange
}

// foldPeople merges the changes of each user, later over earlier, sorted by
// user so that everybody locks in one order. An id that cannot stand in the
// tables as itself is left out and counted as rejected.
func foldPeople(s *Store, g *repo.Group) []person {
	if len(g.Participants) == 0 {
		return nil
	}
	people := make([]person, 0, len(g.Participants))
	at := make(map[string]int, len(g.Participants))
	for _, c := range g.Participants {
		if !validID(c.UserID) || c.PeerID != "" && !validID(c.PeerID) {
			s.rejected.Add(1)
			continue
		}
		i, ok := at[c.UserID]
		if !ok {
			at[c.UserID] = len(people)
			people = append(people, person{c})
			continue
		}
		p := &people[i]
		p.ReadSeq = max(p.ReadSeq, c.ReadSeq)
		if c.PeerID != "" {
			p.PeerID = c.PeerID
		}
		if c.Role != "" {
			p.Role = c.Role
		}
		if c.Restore || c.Remove {
			p.Restore, p.Remove, p.At = c.Restore, c.Remove, c.At
		}
	}
	sort.Slice(people, func(i, j int) bool { return people[i].UserID < people[j].UserID })
	return people
}

// changePeople inserts or updates the participants.
func (a *attempt) changePeople(ctx context.Context) (verdict, error) {
	err := a.eachUpsert(func(sql *insertText, args []any) error { return a.upsert(ctx, sql, args) })
	if err != nil {
		return verdictFailed, err
	}
	return verdictCommitted, nil
}

// eachUpsert calls do for each kind of participant that there is: those who
// come back, those who go, and the others, who stay what they are; each with a
// role to store or without. args are good until do returns.
func (a *attempt) eachUpsert(do func(sql *insertText, args []any) error) error {
	t := a.s.texts
	kinds := [...]struct {
		sql  *[2]insertText
		want func(p *person) bool
	}{
		{&t.plain, func(p *person) bool { return !p.Remove && !p.Restore }},
		{&t.restore, func(p *person) bool { return p.Restore && !p.Remove }},
		{&t.remove, func(p *person) bool { return p.Remove }},
	}
	for _, k := range kinds {
		for with := range k.sql {
			args := a.args[:0]
			for _, w := range a.works {
				for i := range w.people {
					p := &w.people[i]
					if !k.want(p) || (p.Role != "") != (with == withRole) {
						continue
					}
					args = append(args, w.id(), p.UserID, orNull(p.PeerID), p.ReadSeq, removedAt(p))
					if with == withRole {
						args = append(args, p.Role)
					}
				}
			}
			if a.args = args; len(args) == 0 {
				continue
			}
			if err := do(&k.sql[with], args); err != nil {
				return err
			}
		}
	}
	return nil
}

func removedAt(p *person) any {
	if !p.Remove {
		return nil
	}
	return stamp(p.At)
}

func (a *attempt) upsert(ctx context.Context, sql *insertText, args []any) error {
	for part := range chunks(args, sql.columns*sql.max) {
		_, err := a.tx.ExecContext(ctx, sql.of(len(part)/sql.columns), part...)
		if err == nil {
			continue
		}
		if a.s.classify(err) != ClassBadData {
			return err
		}
		// One of them cannot be stored; the others can.
		for one := range chunks(part, sql.columns) {
			if _, err := a.tx.ExecContext(ctx, sql.of(1), one...); err != nil {
				if a.s.classify(err) != ClassBadData {
					return err
				}
				a.s.rejected.Add(1)
			}
		}
	}
	return nil
}
