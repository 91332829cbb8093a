package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/corrillo/corrillo/wire"
)

// clientFlags is what send and tail need to be a user.
type clientFlags struct {
	URL   string `env:"CORRILLO_URL" default:"http://127.0.0.1:3001" help:"The server ($CORRILLO_URL)."`
	User  string `help:"User id; with a token it is the token's."`
	Name  string `help:"Name that others see; the id when empty."`
	Token string `env:"CORRILLO_TOKEN" help:"JWT, for a server that asks for one; see corrillo token ($CORRILLO_TOKEN)."`
}

// frame is one message of the plain dialect, in either direction.
type frame struct {
	Event string          `json:"event,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
	ID    uint64          `json:"id,omitempty"`
	Ack   uint64          `json:"ack,omitempty"`
}

// refusal is the part of a reply that says that the request failed.
type refusal struct {
	Status string `json:"status"`
	Error  struct {
		Code    wire.Code `json:"code"`
		Message string    `json:"message"`
	} `json:"error"`
}

// client speaks /ws. It is used by one goroutine.
type client struct {
	conn    net.Conn
	in      io.ReadWriter // conn behind what the handshake had read already
	nextID  uint64
	onEvent func(event string, data json.RawMessage) error
	stop    func() bool
}

const (
	dialTimeout  = 10 * time.Second
	replyTimeout = 30 * time.Second
)

// dial connects and identifies. onEvent gets each event in order, from inside
// call and listen. The connection ends with ctx.
func dial(ctx context.Context, f *clientFlags, onEvent func(string, json.RawMessage) error) (*client, error) {
	if f.User == "" && f.Token == "" {
		return nil, errors.New("say who you are: --user, or --token")
	}
	target, err := socketURL(f.URL)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if f.Token != "" {
		header.Set("Authorization", "Bearer "+f.Token)
	}
	var refused *wire.Error
	d := ws.Dialer{
		Timeout: dialTimeout, Header: ws.HandshakeHeaderHTTP(header),
		OnStatusError: func(_ int, _ []byte, response io.Reader) { refused = readRefusal(response) },
	}
	conn, early, _, err := d.Dial(ctx, target)
	if refused != nil {
		err = refused
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", target, err)
	}
	c := &client{conn: conn, in: conn, onEvent: onEvent}
	if early != nil && early.Buffered() > 0 {
		c.in = struct {
			io.Reader
			io.Writer
		}{io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn), conn}
	}
	c.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	if f.User == "" { // the token has said it
		return c, nil
	}
	who := map[string]string{"userId": f.User, "username": f.Name, "token": f.Token}
	for k, v := range who {
		if v == "" {
			delete(who, k)
		}
	}
	if _, err := c.call(wire.EventIdentify, who); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// readRefusal finds our own error in the answer to a handshake that failed;
// nil when somebody else answered.
func readRefusal(response io.Reader) *wire.Error {
	res, err := http.ReadResponse(bufio.NewReader(response), nil)
	if err != nil {
		return nil
	}
	defer func() { _ = res.Body.Close() }()
	var e struct {
		Code    wire.Code `json:"code"`
		Message string    `json:"message"`
	}
	if json.NewDecoder(io.LimitReader(res.Body, 4<<10)).Decode(&e) != nil || e.Code == "" {
		return nil
	}
	return &wire.Error{Code: e.Code, Message: e.Message}
}

// socketURL turns the address of a server into that of its /ws.
func socketURL(raw string) (string, error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("--url %q is not the address of a server", raw)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("--url %q is neither http nor https", raw)
	}
	if !strings.HasSuffix(u.Path, "/ws") {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/ws"
	}
	return u.String(), nil
}

// call sends a request and waits for its reply; what comes in between goes to
// onEvent.
func (c *client) call(event string, payload any) (json.RawMessage, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", event, err)
	}
	c.nextID++
	id := c.nextID
	out, err := json.Marshal(frame{Event: event, Data: data, ID: id})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", event, err)
	}
	if err := c.conn.SetDeadline(time.Now().Add(replyTimeout)); err != nil {
		return nil, fmt.Errorf("%s: %w", event, err)
	}
	if err := wsutil.WriteClientText(c.conn, out); err != nil {
		return nil, fmt.Errorf("%s: %w", event, err)
	}
	for {
		f, err := c.read()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", event, err)
		}
		if f.Event != "" {
			if err := c.onEvent(f.Event, f.Data); err != nil {
				return nil, err
			}
			continue
		}
		if f.Ack != id {
			continue
		}
		var r refusal
		if err := json.Unmarshal(f.Data, &r); err == nil && (r.Status == "error" || r.Status == "failed") {
			return nil, fmt.Errorf("%s: %w", event, &wire.Error{Code: r.Error.Code, Message: r.Error.Message})
		}
		return f.Data, nil
	}
}

// listen hands events to onEvent until the connection ends.
func (c *client) listen() error {
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	for {
		f, err := c.read()
		if err != nil {
			return err
		}
		if f.Event == "" {
			continue
		}
		if err := c.onEvent(f.Event, f.Data); err != nil {
			return err
		}
	}
}

// read gives the next text frame; pings are answered on the way.
func (c *client) read() (frame, error) {
	text, err := wsutil.ReadServerText(c.in)
	if err != nil {
		return frame{}, err
	}
	var f frame
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&f); err != nil {
		return frame{}, fmt.Errorf("the server's frame is no JSON: %w", err)
	}
	return f, nil
}

// close says goodbye and ends the connection.
func (c *client) close() {
	c.stop()
	_ = c.conn.SetDeadline(time.Now().Add(time.Second))
	_ = ws.WriteFrame(c.conn, ws.MaskFrameInPlace(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))))
	_ = c.conn.Close()
}
