package scenario

import (
	"errors"
	"fmt"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
)

var errField = errors.New("field is missing")

// parseKey reads a tempId, "<sender>-<n>".
func parseKey(tempID []byte) (judge.Key, bool) {
	sender, n, ok := client.ParseTempID(tempID)
	return judge.Key{Sender: sender, N: n}, ok
}

// deliveryOf is what the judge wants to know of a message. One that this run
// did not make has the key of no sender.
func deliveryOf(m *client.Message) (judge.Delivery, error) {
	d := judge.Delivery{Key: foreign, Seq: m.Seq}
	if !m.HasSeq || m.ID == nil {
		return d, errField
	}
	if m.HasKey {
		d.Key = judge.Key{Sender: m.Sender, N: m.N}
	}
	d.ID = judge.Fingerprint(m.ID)
	return d, nil
}

// parseMessage reads what a run checks of a new_message. room is empty when
// there is none.
func parseMessage(data []byte) (d judge.Delivery, room []byte, err error) {
	m := client.ParseDelivery(data)
	if d, err = deliveryOf(&m); err != nil {
		return d, nil, fmt.Errorf("%w: %.300q", err, data)
	}
	return d, m.Room, nil
}

// foreign is a key that no sender of a run has.
var foreign = judge.Key{Sender: ^uint32(0)}
