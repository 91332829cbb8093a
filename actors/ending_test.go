package actors_test

import (
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/wire"
)

// hanging is a connection whose end has not been noticed: Close is said, and
// nothing comes of it yet.
type hanging struct{ *peer }

func (h hanging) Close(wire.CloseReason) { h.add(received{Event: "closed", Raw: "{}"}) }

// A client that knows the pid must not be quicker than its own revocation.
func TestSystem_RevokedMeansAtOnce(t *testing.T) {
	sys := start(t, actors.Options{Verifier: tokens{}})
	bob := &peer{t: t, sys: sys, more: make(chan struct{}, 1)}
	session, e := sys.Open(hanging{bob}, wire.Hello{Token: "bob"})
	if e != nil {
		t.Fatal(e)
	}
	bob.session = session
	bob.ask("join_conversation", "r")
	if n, err := sys.Revoke(t.Context(), "bob"); err != nil || n != 1 {
		t.Fatalf("closed %d (%v), want 1", n, err)
	}
	if back := connect(t, sys, wire.Hello{PID: bob.hello.PID}); back.hello.Recovered {
		t.Error("recovered while the old connection was being closed")
	}
	for sys.Stats().Hub.Sessions > 1 {
		time.Sleep(time.Millisecond)
	}
}

// An expired token is renewed by a new one alone.
func TestSystem_ExpiredTokenIsNotRenewedByItself(t *testing.T) {
	sys := start(t, actors.Options{Verifier: tokens{expires: time.Now().Add(10 * time.Millisecond)}, TokenGrace: time.Hour})
	p := connect(t, sys, wire.Hello{Token: "old"})
	p.event("error")
	if r := p.ask("identify", object{"userId": "alice"}); code(r) != "token_expired" {
		t.Errorf("identify without a new token: %v", r)
	}
	if r := p.ask("identify", object{"userId": "alice", "token": "alice"}); r["status"] != "ok" {
		t.Errorf("identify with a new token: %v", r)
	}
	if r := p.ask("identify", object{"userId": "alice"}); r["status"] != "ok" {
		t.Errorf("identify again under the new token: %v", r)
	}
}

// Being away keeps no session alive beyond its token.
func TestSystem_TokenExpiresWhileAway(t *testing.T) {
	sys := start(t, actors.Options{Verifier: tokens{expires: time.Now().Add(10 * time.Millisecond)}, TokenGrace: 10 * time.Millisecond})
	p := connect(t, sys, wire.Hello{Token: "old"})
	p.session.Closed(p, wire.CloseTransport)
	for sys.Stats().Hub.Sessions > 0 {
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the session lives on")
		}
	}
	if back := connect(t, sys, wire.Hello{PID: p.hello.PID}); back.hello.Recovered {
		t.Error("recovered with an expired token")
	}
}

// The token that comes with a recovery is judged like any other.
func TestSystem_RecoveryHeedsTheToken(t *testing.T) {
	sys := start(t, actors.Options{Verifier: tokens{expires: time.Now().Add(10 * time.Millisecond)}, TokenGrace: time.Hour})
	p := connect(t, sys, wire.Hello{Token: "old"})
	p.event("error")
	p.session.Closed(p, wire.CloseTransport)
	if _, e := sys.Open(&peer{t: t, more: make(chan struct{}, 1)}, wire.Hello{Token: "bad", PID: p.hello.PID}); e == nil || e.Code != wire.CodeUnauthorized {
		t.Errorf("a bad token beside a pid: %v", e)
	}
	if other := connect(t, sys, wire.Hello{Token: "bob", PID: p.hello.PID}); other.hello.Recovered {
		t.Error("bob took up the session of alice")
	}
	reminded := connect(t, sys, wire.Hello{PID: p.hello.PID})
	if e := reminded.event("error").Data; e["code"] != "token_expired" {
		t.Errorf("after a recovery: %v", e)
	}
	reminded.session.Closed(reminded, wire.CloseTransport)
	back := connect(t, sys, wire.Hello{Token: "alice", PID: p.hello.PID})
	if !back.hello.Recovered {
		t.Fatal("not recovered with a new token")
	}
	if r := back.ask("identify", object{"userId": "alice"}); r["status"] != "ok" {
		t.Errorf("the new token does not count: %v", r)
	}
	back.silent("error")
}

// Sessions that only wait for a recovery do not keep their user out.
func TestSystem_AwaySessionsGiveWay(t *testing.T) {
	sys := start(t, actors.Options{Recovery: relay.Options{PerUser: 2}})
	first, second := identify(t, sys, "alice"), identify(t, sys, "alice")
	third := connect(t, sys, wire.Hello{})
	if r := third.ask("identify", object{"userId": "alice"}); code(r) != "rate_limited" {
		t.Errorf("a third connection: %v", r)
	}
	first.session.Closed(first, wire.CloseTransport)
	if r := third.ask("identify", object{"userId": "alice"}); r["status"] != "ok" {
		t.Errorf("in the place of one that is gone: %v", r)
	}
	if back := connect(t, sys, wire.Hello{PID: first.hello.PID}); back.hello.Recovered {
		t.Error("three connections of one user")
	}
	second.ask("heartbeat", object{})
	second.silent("closed")
}
