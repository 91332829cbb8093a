package envelope

import (
	"errors"
	"fmt"
	"sync"

	"github.com/corrillo/corrillo/actors/message"
)

// Version is the version of the schema that Append writes. Decode takes it, the
// one before and the one after.
const Version = 1

// Every error of Append and Decode wraps one of these.
var (
	// ErrUnknown: the message has no place in this version of the schema, or the
	// item is of a version that Decode does not take.
	ErrUnknown = errors.New("envelope: unknown")
	// ErrMalformed: no version writes such bytes.
	ErrMalformed = errors.New("envelope: malformed")
)

// A StrangeError is the error of Decode for an item whose message only a later
// version knows. It wraps ErrUnknown, and has what it takes to answer all the same.
type StrangeError struct {
	// Origin is who waits for an answer; zero when nobody does.
	Origin message.Origin
	To     message.Told // the recipient; Message is nil
	number uint64       // of the message, in the schema
	from   uint64       // the sender's version
}

// Error implements error.
func (e *StrangeError) Error() string {
	return fmt.Sprintf("%v: message %d of version %d, and this is version %d", ErrUnknown, e.number, e.from, Version)
}

// Unwrap returns ErrUnknown.
func (*StrangeError) Unwrap() error { return ErrUnknown }

// The numbers of an item's fields, but for those of its message.
const (
	fieldVersion  = 1
	fieldTo       = 2
	fieldReturned = 3
)

// lastKind is the highest locator.Kind.
const lastKind = 1

// Append appends the item of m to dst. m is a non-nil pointer to a message of
// package message and is only read; the message inside a Told or a Returned must
// not be a Told or a Returned itself. The error for a message that never leaves a
// node is ErrUnknown, and dst is returned unchanged then. If dst has no spare
// capacity, exactly as much is allocated as the item needs.
func Append(dst []byte, m any) ([]byte, error) {
	if cap(dst) > len(dst) {
		return appendItem(dst, m)
	}
	room := rooms.Get().(*[]byte)
	item, err := appendItem((*room)[:0], m)
	if err == nil {
		dst = append(dst, item...)
	}
	if *room = item; cap(item) <= mostRoom {
		rooms.Put(room)
	}
	return dst, err
}

// rooms are buffers in which items are written before their length is known: one
// allocation instead of five or six (BenchmarkAppend_New).
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// mostRoom is the largest buffer that goes back to rooms.
const mostRoom = 64 << 10

func appendItem(dst []byte, m any) ([]byte, error) {
	p := pass{out: dst}
	version := uint64(Version)
	p.uint(fieldVersion, &version)
	switch t := m.(type) {
	case *message.Told:
		p.recipient(t)
		m = t.Message
	case *message.Returned:
		p.recipient(&t.Told)
		p.returned(&t.Generation)
		m = t.Told.Message
	}
	if !p.message(m) {
		return dst, fmt.Errorf("%w: %T does not leave a node", ErrUnknown, m)
	}
	return p.out, nil
}

// Decode returns the message of an item, as a pointer. The []byte fields of the
// message are parts of b: b must not be changed any more, and stays in memory for
// as long as one of them is in use. Strings are copies. Whatever b holds, the memory
// allocated is in proportion to len(b).
//
// Times come back in UTC; empty lists and maps as nil, except Relayed.People; Hello
// without its token.
func Decode(b []byte) (any, error) {
	p := pass{reading: true}
	p.advance(b)
	var i item
	i.read(&p)
	if p.err != nil {
		return nil, p.err
	}
	return i.whole()
}

// item is what Decode has read so far.
type item struct {
	version    uint64
	to         *message.Told // the recipient; nil: the node itself
	back       bool          // it is a Returned, of that generation
	generation uint64
	message    any
	strange    StrangeError // set when a message is not known
}

func (i *item) read(p *pass) {
	if p.tag != fieldVersion<<3|varintType {
		p.fail(fmt.Errorf("%w: it does not begin with a version", ErrMalformed))
		return
	}
	p.uint(fieldVersion, &i.version)
	if i.version+1 < Version || i.version > Version+1 || i.version == 0 {
		p.fail(fmt.Errorf("%w: version %d, and this is version %d", ErrUnknown, i.version, Version))
		return
	}
	for p.tag != 0 {
		i.field(p)
	}
}

func (i *item) field(p *pass) {
	number, left := p.tag>>3, len(p.in)
	switch number {
	case fieldVersion:
	case fieldTo:
		if i.to == nil {
			i.to = &message.Told{}
		}
		p.recipient(i.to)
	case fieldReturned:
		i.back = true
		p.returned(&i.generation)
	default:
		i.bring(p, number)
	}
	if p.tag != 0 && len(p.in) == left {
		p.skip()
	}
}

// bring reads the message, if the current field is one.
func (i *item) bring(p *pass, number uint64) {
	if p.tag&7 != bytesType {
		return
	}
	m := fresh(number)
	switch {
	case m == nil:
		i.strange.number = number
		i.strange.Origin = p.asker()
	case i.message != nil:
		p.fail(fmt.Errorf("%w: there are two messages", ErrMalformed))
	default:
		p.message(m)
		i.message = m
	}
}

// asker reads the origin of the unknown message in the current field: in every
// message that wants an answer it is field 1.
func (p *pass) asker() (o message.Origin) {
	b, _ := p.split()
	q := pass{reading: true}
	for q.advance(b); q.tag != 0; {
		left := len(q.in)
		q.origin(1, &o)
		if q.tag != 0 && len(q.in) == left {
			q.skip()
		}
	}
	if q.err != nil {
		return message.Origin{}
	}
	return o
}

func (i *item) whole() (any, error) {
	switch {
	case i.message == nil && i.strange.number != 0:
		i.strange.from = i.version
		if i.to != nil {
			i.strange.To = *i.to
		} else {
			i.strange.Origin = message.Origin{}
		}
		return nil, &i.strange
	case i.message == nil:
		return nil, fmt.Errorf("%w: there is no message", ErrMalformed)
	case i.to == nil && i.back:
		return nil, fmt.Errorf("%w: it comes back from nobody", ErrMalformed)
	case i.to == nil:
		return i.message, nil
	}
	i.to.Message = i.message
	if i.back {
		return &message.Returned{Generation: i.generation, Told: *i.to}, nil
	}
	return i.to, nil
}

// recipient is a Told without its message.
func (p *pass) recipient(t *message.Told) {
	for f := p.open(fieldTo, true); p.more(&f); {
		p.small(1, &t.Kind, lastKind)
		p.string(2, &t.ID)
		p.bool(3, &t.Active)
	}
}

// returned is the generation of a Returned. Unlike other numbers it is written even
// when it is 0.
func (p *pass) returned(generation *uint64) {
	if !p.reading && *generation == 0 {
		p.out = append(p.out, fieldReturned<<3|byte(varintType), 0)
		return
	}
	p.uint(fieldReturned, generation)
}
