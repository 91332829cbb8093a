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
	var m struct {
		Seq            int64     `json:"seq"`
		ConversationID string    `json:"conversationId"`
		SenderID       string    `json:"senderId"`
		SenderName     string    `json:"senderName"`
		ReceiverID     string    `json:"receiverId"`
		DirectID       string    `json:"directId"`
		Content        string    `json:"content"`
		CreatedAt      time.Time `json:"createdAt"`
		DeletedAt      time.Time `json:"deletedAt"`
	}
	if event == wire.EventNewMessage {
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("%s: %w", event, err)
		}
		if t.isFollowed(m.ConversationID, m.DirectID, m.SenderID, m.ReceiverID) {
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

func (t *tail) isFollowed(conversation, direct, sender, receiver string) bool {
	if t.cmd.With != "" {
		return direct != "" && (sender == t.cmd.With || receiver == t.cmd.With)
	}
	return conversation == t.cmd.Conversation && conversation != ""
}
