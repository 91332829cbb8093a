package envelope

import (
	"errors"
	"fmt"
	"sync"

	"github.com/corrillo/corrillo/actors/message"
)

// Version is the version of the schema that Append writes. Decode takes it and
// those next to it.
const Version = 1

// The errors; what is returned wraps one of them.
var (
	// ErrUnknown is what cannot be said or understood in this version: a
	// message that has no place in the schema, or a version that is too far
	// away.
	ErrUnknown = errors.New("envelope: unknown")
	// ErrMalformed is what nobody writes.
	ErrMalformed = errors.New("envelope: malformed")
)

// A StrangeError is a message that the version after this one brings to an
// actor. It wraps ErrUnknown.
type StrangeError struct {
	// Origin waits for an answer; zero when none does.
	Origin message.Origin
	To     message.Told // without its message
	number uint64
	from   uint64
}

// Error implements error.
func (e *StrangeError) Error() string {
	return fmt.Sprintf("%v: message %d of version %d, and this is version %d", ErrUnknown, e.number, e.from, Version)
}

// Unwrap returns ErrUnknown.
func (*StrangeError) Unwrap() error { return ErrUnknown }

// The fields of an item beside its message.
const (
	fieldVersion  = 1
	fieldTo       = 2
	fieldReturned = 3
)

// lastKind is the last kind of recipient: see the locator.
const lastKind = 1

// Append appends the item that brings m, which is a pointer to a message of
// package message, not nil, and is only read. Told and Returned carry another
// message, but not one of these two. A message that does not leave a node is
// ErrUnknown; dst then comes back as it was. Without room in dst the item gets
// no more memory than it needs.
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

// rooms are where an item is written before its length is known: one
// allocation instead of five or six (BenchmarkAppend_New).
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// mostRoom is what is kept for the next.
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

// Decode gives the message that an item brings, as a pointer. The []byte
// fields of the message are parts of b, which must not be changed any more, and
// which stays in memory for as long as one of them does; its strings are not.
// What it allocates is in proportion to len(b), whatever b says.
//
// Times come back in UTC, empty lists and maps as nil (but for Relayed.People),
// Hello without its token.
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

// item is what has been read of one.
type item struct {
	version    uint64
	to         *message.Told // without its message
	back       bool
	generation uint64
	message    any
	strange    StrangeError // with the number of a field that is not known
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

// bring reads the message, if that is what the field at hand is.
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

// asker is the origin of the message in the field at hand, which is not known:
// the schema has it in the same place in all that want an answer.
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

// recipient is all of Told but its message.
func (p *pass) recipient(t *message.Told) {
	for f := p.open(fieldTo, true); p.more(&f); {
		p.small(1, &t.Kind, lastKind)
		p.string(2, &t.ID)
		p.bool(3, &t.Active)
	}
}

// returned is written also when it is 0.
func (p *pass) returned(generation *uint64) {
	if !p.reading && *generation == 0 {
		p.out = append(p.out, fieldReturned<<3|byte(varintType), 0)
		return
	}
	p.uint(fieldReturned, generation)
}
