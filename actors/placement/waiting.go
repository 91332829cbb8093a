package placement

import "github.com/corrillo/corrillo/actors/message"

// Waiting is how much a Router holds back, for all ids together.
type Waiting struct {
	Messages int
	Bytes    int // the sum of message.Size over them
}

func (w *Waiting) add(items ...Item) {
	w.Messages += len(items)
	for i := range items {
		w.Bytes += message.Size(items[i].Msg)
	}
}

func (w *Waiting) sub(items ...Item) {
	w.Messages -= len(items)
	for i := range items {
		w.Bytes -= message.Size(items[i].Msg)
	}
}
