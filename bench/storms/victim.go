package storms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
)

// victim is a client that reads only when it is told to. It is a member of the
// room like any other, for the judge.
type victim struct {
	*member
	conn   *client.Conn
	within time.Duration // for whatever it waits for
}

// addVictims makes members of the room that the herd does not move.
func (h *herd) addVictims(r *room, n int, within time.Duration) []*victim {
	const beyond = 1 << 20 // any number in the herd
	victims := make([]*victim, n)
	for i := range victims {
		m := &member{index: beyond + i, user: fmt.Sprintf("%svictim%d", h.o.prefix, i), room: r}
		r.members = append(r.members, m)
		victims[i] = &victim{member: m, within: within}
	}
	return victims
}

// enter connects, joins, and reads what was missed. After it nothing is read.
func (v *victim) enter(ctx context.Context, addr string) (err error) {
	const kept = 64 << 10 // what waits shall wait in the server
	if v.conn, err = client.Dial(ctx, client.Options{Addr: addr, Dialect: client.Plain, Timeout: v.within, ReadBuffer: kept}); err != nil {
		return err
	}
	if err := v.conn.SetDeadline(time.Now().Add(v.within)); err != nil {
		return err
	}
	if _, err := v.ask("identify", fmt.Sprintf(`{"userId":%q}`, v.user)); err != nil {
		return err
	}
	joined, err := v.ask("join_conversation", fmt.Sprintf(`{"conversationId":%q,"afterSeq":%d}`, v.room.id, v.last))
	if err != nil {
		return err
	}
	v.upTo, v.filling = joined.LastSeq, joined.HasMore
	v.takeAll(joined.Missed)
	for v.filling = v.filling && v.last < v.upTo; v.filling; v.filling = v.last < v.upTo {
		more, err := v.ask("get_history", fmt.Sprintf(`{"conversationId":%q,"afterSeq":%d,"limit":200}`, v.room.id, v.last))
		if err != nil {
			return err
		}
		if len(more.Messages) == 0 {
			return fmt.Errorf("%s: no message after %d, where the last is %d", v.user, v.last, v.upTo)
		}
		v.takeAll(more.Messages)
	}
	for _, d := range v.held {
		v.take(d)
	}
	v.held = v.held[:0]
	return nil
}

func (v *victim) takeAll(messages []message) {
	for i := range messages {
		if d := messages[i].delivery(); d.Seq <= v.upTo {
			v.take(d)
		}
	}
}

// ask makes a request and reads until its answer.
func (v *victim) ask(event, data string) (p page, err error) {
	id := v.conn.Request(event, []byte(data))
	for {
		packet, err := v.conn.Next()
		switch {
		case err != nil:
			return p, fmt.Errorf("%s: %s: %w", v.user, event, err)
		case len(packet.Event) > 0:
			v.hear(packet)
		case packet.Ack == id:
			var refusal struct{ Error json.RawMessage }
			if err := errors.Join(json.Unmarshal(packet.Data, &p), json.Unmarshal(packet.Data, &refusal)); err != nil || refusal.Error != nil {
				return p, fmt.Errorf("%s: %s is answered %.300s, %w", v.user, event, packet.Data, err)
			}
			return p, nil
		}
	}
}

func (v *victim) hear(p client.Packet) {
	if string(p.Event) != "new_message" {
		return
	}
	m := client.ParseDelivery(p.Data)
	d := judge.Delivery{Key: foreign, Seq: m.Seq, ID: judge.Fingerprint(m.ID)}
	if m.HasKey {
		d.Key = judge.Key{Sender: m.Sender, N: m.N}
	}
	if v.filling {
		v.held = append(v.held, d)
		return
	}
	v.take(d)
}

// wake reads what the kernel has kept, up to the end of the connection, and
// returns why it ended.
func (v *victim) wake() error {
	if err := v.conn.SetDeadline(time.Now().Add(v.within)); err != nil {
		return err
	}
	for {
		p, err := v.conn.Next()
		if err != nil {
			_ = v.conn.Close() // it has ended
			return err
		}
		v.hear(p)
	}
}
