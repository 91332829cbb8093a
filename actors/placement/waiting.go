package placement

import "github.com/corrillo/corrillo/actors/message"

// Waiting is how much waits in a Router, for whichever ids.
type Waiting struct {
	Messages int
	Bytes    int // of what clients and back ends have said; see message.Size
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
