package config

import (
	"slices"
	"strings"
)

// placeholder begins what stands in an example where a secret is to come. Who
// reads the example knows it, so it keeps nobody out.
const placeholder = "CHANGE-ME"

// placeholders: a secret of an example is none.
func (v *validator) placeholders(s *Settings) {
	for _, set := range []struct {
		key     string
		secrets []string
	}{
		{"auth.jwt.secret", []string{s.Auth.JWT.Secret}},
		{"webhook.secrets", s.Webhook.Secrets},
		{"cluster.secret", []string{s.Cluster.Secret}},
		{"cluster.etcd.password", []string{s.Cluster.Etcd.Password}},
	} {
		if slices.ContainsFunc(set.secrets, func(secret string) bool { return strings.HasPrefix(secret, placeholder) }) {
			v.failf(set.key, "is still what stands in the example; `openssl rand -hex 32` makes a secret")
		}
	}
}
