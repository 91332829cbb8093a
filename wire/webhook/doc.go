// Package webhook is the HTTP door for back ends: it authenticates a request,
// decodes it, calls the wire.Injector and answers in JSON. What a request does
// is decided above; bodies are decoded by package wire, by the same rules as
// what clients send.
//
// A request proves itself in one of two ways: with a secret in the
// Authorization header, or with a Standard Webhooks v1.0.0 signature. Repeats
// under one key (Idempotency-Key or webhook-id) get the first answer again.
//
// Everything is bounded: the body in bytes and in time, the requests that are
// served at once, the remembered answers in number and age.
package webhook
