package peers

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"
)

// A machine whose clock was wrong when its certificate was made, as before NTP
// has set it, makes another one. Otherwise it keeps it for a while.
func TestMint_CertificateAfterTheClockWasSet(t *testing.T) {
	for name, c := range map[string]struct {
		behind time.Duration // what the clock has been put forward by
		kept   bool
	}{
		"right all the time":   {0, true},
		"a minute behind":      {time.Minute, true},
		"years behind":         {3 * 365 * 24 * time.Hour, false},
		"almost a week behind": {leafLife - leafAnew + time.Minute, false},
		"an hour ahead":        {-time.Hour, true},
		"two days ahead":       {-2 * leafEarly, false},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := newMint(bytes.Repeat([]byte("s"), MinSecret))
			if err != nil {
				t.Fatal(err)
			}
			first, err := m.leaf("a")
			if err != nil {
				t.Fatal(err)
			}
			m.from, m.anew = m.from.Add(-c.behind), m.anew.Add(-c.behind)
			again, err := m.leaf("a")
			if err != nil {
				t.Fatal(err)
			}
			if (again == first) != c.kept {
				t.Errorf("kept %v", again == first)
			}
			cert, err := x509.ParseCertificate(again.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			if now := time.Now(); now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
				t.Errorf("good from %s until %s", cert.NotBefore, cert.NotAfter)
			}
		})
	}
}
