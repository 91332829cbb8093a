package main

import (
	"io"
	"strings"
	"testing"
)

// Lines stay whole however they come, and each says whose it is.
func TestLog(t *testing.T) {
	var out strings.Builder
	l := newLog(&out)
	a, b := l.writer("node1"), l.writer("haproxy")
	for _, step := range []struct {
		w    io.Writer
		text string
	}{{a, "one\ntw"}, {b, "x\n"}, {a, "o"}, {b, "unfinished"}, {a, "\n\nfour\n"}} {
		if n, err := io.WriteString(step.w, step.text); n != len(step.text) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "node1   | one\nhaproxy | x\nnode1   | two\nnode1   | \nnode1   | four\n"; out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// Each demo has a secret of its own for the webhook, unless one is given.
func TestWebhookSecret(t *testing.T) {
	if given, a, b := webhookSecret("mine"), webhookSecret(""), webhookSecret(""); given != "mine" || len(a) < 20 || a == b {
		t.Errorf("%q, %q, %q", given, a, b)
	}
}
