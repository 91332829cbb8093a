package etcd

import (
	"encoding/json"
	"fmt"

	"github.com/corrillo/corrillo/repo"
)

// value is a lease as JSON, the value of node/<id>.
type value struct {
	Address string          `json:"address"`
	Version string          `json:"version"`
	Schema  int             `json:"schema"`
	Meta    json.RawMessage `json:"meta,omitempty"`
}

func valueOf(l *repo.Lease) (string, error) {
	if err := l.Check(); err != nil {
		return "", err
	}
	text, err := json.Marshal(value{l.Address, l.Version, l.Schema, l.Meta})
	if err != nil {
		return "", fmt.Errorf("node %s: %w", l.ID, err)
	}
	return string(text), nil
}

func leaseOf(id string, text []byte) (repo.Lease, error) {
	var v value
	if err := json.Unmarshal(text, &v); err != nil {
		return repo.Lease{}, fmt.Errorf("node %s: %w", id, err)
	}
	return repo.Lease{ID: id, Address: v.Address, Version: v.Version, Schema: v.Schema, Meta: v.Meta}, nil
}
