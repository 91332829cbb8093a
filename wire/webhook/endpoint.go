package webhook

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/corrillo/corrillo/wire"
)

// maxPresenceUsers bounds the userId parameters of one presence request.
const maxPresenceUsers = wire.MaxPresenceUsers

// request is what an endpoint is given.
type request struct {
	body  []byte
	query url.Values
	key   string // the idempotency key, empty when there is none
}

// endpoint is one path. serve returns the body of a 200.
type endpoint struct {
	name   string // the path after Prefix; also the label of counters
	method string
	index  int
	serve  func(context.Context, wire.Injector, request) ([]byte, error)
}

// unknownEndpoint stands for every path that is none of ours.
var unknownEndpoint = &endpoint{name: "other", index: len(endpoints)}

// endpoints are the paths, in the order of docs/PROTOCOL.md. The table is
// never changed.
var endpoints = [...]*endpoint{
	{name: "new-message", index: 0, method: http.MethodPost, serve: newMessage},
	{name: "message-updated", index: 1, method: http.MethodPost, serve: messageUpdated},
	{name: "message-deleted", index: 2, method: http.MethodPost, serve: messageDeleted},
	{name: "emit", index: 3, method: http.MethodPost, serve: emit},
	{name: "notification", index: 4, method: http.MethodPost, serve: notification},
	{name: "membership", index: 5, method: http.MethodPost, serve: membership},
	{name: "revoke", index: 6, method: http.MethodPost, serve: revoke},
	{name: "presence", index: 7, method: http.MethodGet, serve: presence},
}

// find finds the endpoint of a path; a slash at the end is forgiven.
func find(path string) *endpoint {
	name, ok := strings.CutPrefix(strings.TrimSuffix(path, "/"), Prefix)
	if ok {
		for _, e := range endpoints {
			if e.name == name {
				return e
			}
		}
	}
	return unknownEndpoint
}

// Endpoints lists the methods and paths that a Handler serves, as "POST
// /webhook/new-message", in the order of docs/PROTOCOL.md.
func Endpoints() []string {
	list := make([]string, len(endpoints))
	for i, e := range endpoints {
		list[i] = e.method + " " + Prefix + e.name
	}
	return list
}

func newMessage(ctx context.Context, in wire.Injector, r request) ([]byte, error) {
	m, refused := wire.DecodeInjectedMessage(r.body)
	if refused != nil {
		return nil, refused
	}
	if m.ID == "" && r.key != "" {
		m.ID = messageID(r.key)
	}
	return posted(in.PostMessage(ctx, m))
}

func messageUpdated(ctx context.Context, in wire.Injector, r request) ([]byte, error) {
	c, refused := wire.DecodeMessageUpdate(r.body)
	if refused != nil {
		return nil, refused
	}
	return posted(in.UpdateMessage(ctx, c.MessageID, c.Content))
}

func messageDeleted(ctx context.Context, in wire.Injector, r request) ([]byte, error) {
	c, refused := wire.DecodeMessageDeletion(r.body)
	if refused != nil {
		return nil, refused
	}
	return posted(in.DeleteMessage(ctx, c.MessageID))
}

func emit(ctx context.Context, in wire.Injector, r request) ([]byte, error) {
	return emitAs(ctx, in, r, "")
}

func notification(ctx context.Context, in wire.Injector, r request) ([]byte, error) {
	return emitAs(ctx, in, r, wire.EventNotification)
}

func emitAs(ctx context.Context, in wire.Injector, r request, event string) ([]byte, error) {
	e, refused := wire.DecodeEmission(r.body, event)
	if refused != nil {
		return nil, refused
	}
	delivered, err := in.Emit(ctx, e)
	return counted("delivered", delivered, err)
}

func membership(ctx context.Context, in wire.Injector, r request) ([]byte, error) {
	c, refused := wire.DecodeMembershipChange(r.body)
	if refused != nil {
		return nil, refused
	}
	if err := in.ChangeMembership(ctx, c); err != nil {
		return nil, err
	}
	return []byte(`{"status":"ok"}`), nil
}

func revoke(ctx context.Context, in wire.Injector, r request) ([]byte, error) {
	userID, refused := wire.DecodeRevocation(r.body)
	if refused != nil {
		return nil, refused
	}
	closed, err := in.Revoke(ctx, userID)
	return counted("closed", closed, err)
}

func presence(ctx context.Context, in wire.Injector, r request) ([]byte, error) {
	ids := r.query["userId"]
	if len(ids) == 0 || len(ids) > maxPresenceUsers {
		return nil, wire.Errorf(wire.CodeInvalidPayload, "userId: must be given 1 to %d times", maxPresenceUsers)
	}
	for _, id := range ids {
		if !wire.ValidID(id) {
			return nil, wire.Errorf(wire.CodeInvalidPayload, "userId: must be a string of 1 to %d bytes", wire.MaxIDLength)
		}
	}
	known, err := in.Presence(ctx, ids)
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	out := []byte{'{'}
	for i, id := range slices.Compact(ids) {
		if i > 0 {
			out = append(out, ',')
		}
		out = wire.AppendString(out, id)
		out = append(out, ':')
		out = wire.AppendPresenceStatus(out, known[id])
	}
	return append(out, '}'), nil
}

// posted renders {messageId, conversationId, seq, delivered}.
func posted(p wire.Posted, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	out := append([]byte(nil), `{"messageId":`...)
	out = wire.AppendString(out, p.MessageID)
	out = append(out, `,"conversationId":`...)
	out = wire.AppendString(out, p.ConversationID)
	out = append(out, `,"seq":`...)
	out = strconv.AppendInt(out, p.Seq, 10)
	out = append(out, `,"delivered":`...)
	out = strconv.AppendInt(out, int64(p.Delivered), 10)
	return append(out, '}'), nil
}

func counted(name string, n int, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return []byte(`{"` + name + `":` + strconv.Itoa(n) + `}`), nil
}
