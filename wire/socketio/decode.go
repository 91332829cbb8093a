package socketio

import (
	"bytes"

	"github.com/corrillo/corrillo/wire/jsontext"
)

// Decoder puts the packets of one connection together. The zero Decoder is
// ready.
type Decoder struct {
	waiting *waiting
}

// waiting is a packet whose attachments have not all come.
type waiting struct {
	head        Packet
	payload     []byte
	want        int
	attachments [][]byte
	size        int
}

// Waiting reports whether a packet waits for attachments.
func (d *Decoder) Waiting() bool { return d.waiting != nil }

// Text takes the payload of an Engine.IO text message. ok is false when the
// packet waits for attachments.
func (d *Decoder) Text(text []byte, l *Limits) (p Packet, ok bool, err error) {
	if d.waiting != nil {
		return Packet{}, false, ErrAttachments
	}
	if len(text) > l.Packet {
		return Packet{}, false, ErrTooLarge
	}
	head, attachments, payload, err := decodeHead(text, l)
	if err != nil {
		return Packet{}, false, err
	}
	if attachments == 0 {
		p, err = finish(head, payload, l)
		return p, err == nil, err
	}
	d.waiting = &waiting{head: head, payload: bytes.Clone(payload), want: attachments, size: len(text)}
	return Packet{}, false, nil
}

// Binary takes an Engine.IO binary message: the next attachment. ok is true
// when it was the last one. data is not kept.
func (d *Decoder) Binary(data []byte, l *Limits) (p Packet, ok bool, err error) {
	w := d.waiting
	if w == nil {
		return Packet{}, false, ErrAttachments
	}
	if w.size += len(data); w.size > l.Packet {
		return Packet{}, false, ErrTooLarge
	}
	w.attachments = append(w.attachments, bytes.Clone(data))
	if len(w.attachments) < w.want {
		return Packet{}, false, nil
	}
	d.waiting = nil
	// The payload is checked before anything looks for placeholders in it.
	if err := jsontext.Valid(w.payload, l.Depth); err != nil {
		return Packet{}, false, ErrPayload
	}
	payload, err := insertBinary(w.payload, w.attachments, 2*l.Packet)
	if err != nil {
		return Packet{}, false, err
	}
	p, err = finish(w.head, payload, l)
	return p, err == nil, err
}

// decodeHead reads what stands before the JSON:
// <type>[<attachments>-][<namespace>,][<ack id>].
func decodeHead(text []byte, l *Limits) (p Packet, attachments int, payload []byte, err error) {
	if len(text) == 0 || text[0] < byte(Connect) || text[0] > byte(BinaryAck) {
		return p, 0, nil, ErrType
	}
	p = Packet{Type: Type(text[0]), Namespace: MainNamespace}
	text = text[1:]
	switch p.Type {
	case BinaryEvent, BinaryAck:
		n, rest, ok := number(text)
		if !ok || len(rest) == 0 || rest[0] != '-' {
			return p, 0, nil, ErrAttachments
		}
		if n == 0 || n > uint64(l.Attachments) {
			return p, 0, nil, ErrAttachments
		}
		attachments, text = int(n), rest[1:]
		p.Type = Event + (p.Type - BinaryEvent)
	}
	if len(text) > 0 && text[0] == '/' {
		name := text
		if i := bytes.IndexByte(text, ','); i >= 0 {
			name, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		// A query after the name is not part of it.
		if i := bytes.IndexByte(name, '?'); i >= 0 {
			name = name[:i]
		}
		if len(name) > l.Namespace {
			return p, 0, nil, ErrHeader
		}
		if len(name) > 1 {
			p.Namespace = string(name)
		}
	}
	if len(text) > 0 && text[0] >= '0' && text[0] <= '9' {
		n, rest, ok := number(text)
		if !ok {
			return p, 0, nil, ErrHeader
		}
		p.ID, p.HasID, text = n, true, rest
	}
	return p, attachments, text, nil
}

// number reads decimal digits, up to 2^53-1.
func number(text []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		if n = n*10 + uint64(text[i]-'0'); n >= 1<<53 {
			return 0, nil, false
		}
		i++
	}
	return n, text[i:], i > 0
}

// finish checks the payload against the packet's type.
func finish(p Packet, payload []byte, l *Limits) (Packet, error) {
	switch p.Type {
	case Connect:
		if len(payload) == 0 {
			return p, nil
		}
		if jsontext.Valid(payload, l.Depth) != nil || payload[jsontext.Space(payload, 0)] != '{' {
			return p, ErrPayload
		}
		p.Data = payload
		return p, nil
	case Disconnect:
		if len(payload) != 0 {
			return p, ErrPayload
		}
		return p, nil
	case Event, Ack:
		return finishArgs(p, payload, l)
	}
	// Only servers send CONNECT_ERROR.
	return p, ErrState
}

func finishArgs(p Packet, payload []byte, l *Limits) (Packet, error) {
	limit := l.Args
	if p.Type == Event {
		limit++
	}
	// Most packets have a name and one argument.
	args, err := jsontext.AppendElements(make([][]byte, 0, 2), payload, l.Depth, limit)
	if err != nil {
		return p, ErrPayload
	}
	p.Args = args
	if p.Type == Ack {
		if !p.HasID {
			return p, ErrHeader
		}
		return p, nil
	}
	if len(args) == 0 {
		return p, ErrPayload
	}
	name, ok := jsontext.String(args[0])
	if !ok || reserved(name) {
		return p, ErrPayload
	}
	p.Name, p.Args = name, args[1:]
	return p, nil
}
