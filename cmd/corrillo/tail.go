package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/corrillo/corrillo/wire"
)

type tailCmd struct {
	clientFlags
	Conversation string `placeholder:"ID" help:"Conversation to follow; without it, what is sent to the user directly."`
	With         string `placeholder:"USER" help:"Follow the direct conversation with this person instead."`
	After        int64  `default:"-1" placeholder:"SEQ" help:"Begin with the messages after this one; 0 is from the first."`
	JSON         bool   `name:"json" help:"Print every event as a line {event, data}."`
}

// tail is one run of the command, over any number of connections.
type tail struct {
	cmd     *tailCmd
	out     io.Writer
	lastSeq int64 // of the followed conversation; -1: none yet
}

// Run prints until it is interrupted. A connection that is lost is made anew,
// and what was missed is fetched; a request that is refused ends it.
func (c *tailCmd) Run(p *program) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if c.Conversation != "" && c.With != "" {
		return errors.New("either --conversation or --with")
	}
	t := &tail{cmd: c, out: p.out, lastSeq: c.After}
	const least, most = 500 * time.Millisecond, 10 * time.Second
	pause, connected := least, false
	for {
		reached, err := t.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if refused, ok := errors.AsType[*wire.Error](err); ok && !refused.Retryable() {
			return err
		}
		if reached {
			pause, connected = least, true
		}
		if !connected {
			return err
		}
		_, _ = fmt.Fprintf(p.err, "corrillo: %v; again in %s\n", err, pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, most)
	}
}

// follow prints what one connection brings until it ends; reached reports
// that it got as far as listening.
func (t *tail) follow(ctx context.Context) (reached bool, err error) {
	conn, err := dial(ctx, &t.cmd.clientFlags, t.event)
	if err != nil {
		return false, err
	}
	defer conn.close()
	for more := t.cmd.Conversation != "" || t.cmd.With != ""; more; {
		if more, err = t.join(conn); err != nil {
			return false, err
		}
	}
	return true, conn.listen()
}

// join subscribes, prints what was missed since lastSeq, and reports whether
// there is more of that.
func (t *tail) join(conn *client) (more bool, err error) {
	request := map[string]any{}
	if t.cmd.Conversation != "" {
		request["conversationId"] = t.cmd.Conversation
	} else {
		request["receiverId"] = t.cmd.With
	}
	if t.lastSeq >= 0 {
		request["afterSeq"] = t.lastSeq
	}
	data, err := conn.call(wire.EventJoinConversation, request)
	if err != nil {
		return false, err
	}
	var reply struct {
		LastSeq int64             `json:"lastSeq"`
		Missed  []json.RawMessage `json:"missed"`
		HasMore bool              `json:"hasMore"`
	}
	if err := json.Unmarshal(data, &reply); err != nil {
		return false, fmt.Errorf("%s: %w", wire.EventJoinConversation, err)
	}
	for _, m := range reply.Missed {
		if err := t.event(wire.EventNewMessage, m); err != nil {
			return false, err
		}
	}
	if t.lastSeq < 0 {
		t.lastSeq = reply.LastSeq
	}
	return reply.HasMore && len(reply.Missed) > 0, nil
}

// event prints one event; new messages for people, the others only as JSON.
func (t *tail) event(event string, data json.RawMessage) error {
	var m tailed
	if event == wire.EventNewMessage {
		if err := m.decode(data); err != nil {
			return fmt.Errorf("%s: %w", event, err)
		}
		if t.isFollowed(&m) {
			if m.Seq <= t.lastSeq {
				return nil // came with a join already
			}
			t.lastSeq = m.Seq
		}
	}
	if t.cmd.JSON {
		line, err := json.Marshal(frame{Event: event, Data: data})
		if err != nil {
			return fmt.Errorf("encode %s: %w", event, err)
		}
		_, err = fmt.Fprintf(t.out, "%s\n", line)
		return err
	}
	if event != wire.EventNewMessage {
		return nil
	}
	where := m.ConversationID
	if m.DirectID != "" {
		where = "to " + m.ReceiverID
	}
	text := m.Content
	if !m.DeletedAt.IsZero() {
		text = "(deleted)"
	}
	_, err := fmt.Fprintf(t.out, "%s [%s %d] %s: %s\n", m.CreatedAt.Local().Format(time.TimeOnly), printable(where), m.Seq, printable(m.SenderName), printable(text))
	return err
}

func (t *tail) isFollowed(m *tailed) bool {
	if t.cmd.With != "" {
		return m.DirectID != "" && (m.SenderID == t.cmd.With || m.ReceiverID == t.cmd.With)
	}
	return m.ConversationID == t.cmd.Conversation && m.ConversationID != ""
}

// tailed is what is printed of a message.
type tailed struct {
	Seq                                                                 int64
	ConversationID, SenderID, SenderName, ReceiverID, DirectID, Content string
	CreatedAt, DeletedAt                                                time.Time
}

// decode reads members by their exact names: the app's own fields stand beside
// them, and one called Content is no content.
func (m *tailed) decode(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	for name, into := range map[string]any{
		"seq": &m.Seq, "conversationId": &m.ConversationID, "senderId": &m.SenderID, "senderName": &m.SenderName, "receiverId": &m.ReceiverID,
		"directId": &m.DirectID, "content": &m.Content, "createdAt": &m.CreatedAt, "deletedAt": &m.DeletedAt,
	} {
		if raw, ok := members[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}
