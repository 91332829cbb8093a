package envelope

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// pass writes or reads the fields of a message. The function of each message calls
// one method of pass for each field; the same calls serve both directions.
//
// When reading, pass stands at one field of the input, the current one, and a call
// for a field of another number does nothing. The message's function is run again
// and again until no input is left, so fields may come in any order. A field that is
// still current after a whole run is unknown, and is skipped.
type pass struct {
	reading bool
	out     []byte // writing: what has been written
	in      []byte // reading: what follows the current tag, within the current message
	tag     uint64 // reading: number<<3 | wire type of the current field; 0: none is left
	err     error
	seen    [8]string // reading: the last short strings, since many come twice in an item
	oldest  uint8     // the index of the next one in seen to be replaced
}

const (
	varintType = uint64(protowire.VarintType)
	fixedType  = uint64(protowire.Fixed64Type)
	bytesType  = uint64(protowire.BytesType)
)

// fail ends reading with an error; the first one counts.
func (p *pass) fail(err error) {
	if p.err == nil {
		p.err = err
	}
	p.in, p.tag = nil, 0
}

var (
	errTag     = fmt.Errorf("%w: not a field's tag", ErrMalformed)
	errVarint  = fmt.Errorf("%w: not a number", ErrMalformed)
	errShort   = fmt.Errorf("%w: shorter than it says", ErrMalformed)
	errTooHigh = fmt.Errorf("%w: a number that is out of its range", ErrMalformed)
)

// advance reads the tag at the start of b, whose field becomes the current one.
func (p *pass) advance(b []byte) {
	if len(b) == 0 {
		p.in, p.tag = nil, 0
		return
	}
	if c := b[0]; c < 0x80 {
		p.in, p.tag = b[1:], uint64(c)
	} else {
		tag, n := protowire.ConsumeVarint(b)
		if n < 0 || tag > math.MaxUint32 {
			p.fail(errTag)
			return
		}
		p.in, p.tag = b[n:], tag
	}
	if p.tag>>3 == 0 {
		p.fail(errTag)
	}
}

// skip goes past the current field, whatever it is.
func (p *pass) skip() {
	n := protowire.ConsumeFieldValue(protowire.Number(p.tag>>3), protowire.Type(p.tag&7), p.in)
	if n < 0 {
		p.fail(fmt.Errorf("%w: field %d: %w", ErrMalformed, p.tag>>3, protowire.ParseError(n)))
		return
	}
	p.advance(p.in[n:])
}

// varint returns the value of the current field and goes to the next.
func (p *pass) varint() uint64 {
	if len(p.in) > 0 && p.in[0] < 0x80 {
		v := uint64(p.in[0])
		p.advance(p.in[1:])
		return v
	}
	v, n := protowire.ConsumeVarint(p.in)
	if n < 0 {
		p.fail(errVarint)
		return 0
	}
	p.advance(p.in[n:])
	return v
}

// fixed returns the value of the current field and goes to the next.
func (p *pass) fixed() uint64 {
	if len(p.in) < 8 {
		p.fail(errShort)
		return 0
	}
	v := binary.LittleEndian.Uint64(p.in)
	p.advance(p.in[8:])
	return v
}

// value returns the value of the current field, which is a part of the input, and
// goes to the next.
func (p *pass) value() []byte {
	b, rest := p.split()
	p.advance(rest)
	return b
}

// text is value as a string. A string that is among seen is not allocated again.
func (p *pass) text() string {
	b := p.value()
	if len(b) > 64 {
		return string(b)
	}
	for i := range p.seen {
		if p.seen[i] == string(b) {
			return p.seen[i]
		}
	}
	s := string(b)
	p.seen[p.oldest%uint8(len(p.seen))] = s
	p.oldest++
	return s
}

// split returns the value of the current field and what follows it, and stays there.
func (p *pass) split() (b, rest []byte) {
	size, at := uint64(0), 1
	if len(p.in) > 0 && p.in[0] < 0x80 {
		size = uint64(p.in[0])
	} else if size, at = protowire.ConsumeVarint(p.in); at < 0 {
		p.fail(errShort)
		return nil, nil
	}
	if size > uint64(len(p.in)-at) {
		p.fail(errShort)
		return nil, nil
	}
	end := at + int(size)
	return p.in[at:end:end], p.in[end:]
}

// frame is a message within a message.
type frame struct {
	done  bool // reading: the current field is not this message
	begun bool
	keep  bool   // writing: write it even when it turns out empty
	from  int    // writing: offset of its tag
	body  int    // writing: offset of its fields
	left  int    // reading: bytes that were left before the last run
	after []byte // reading: what follows the message
}

// open begins the message in field n. The loop over its fields runs for as long as
// more returns true:
//
//	for f := p.open(1, false); p.more(&f); {
//
// With keep the message is written even when it is empty: in lists, and where its
// absence has a meaning.
func (p *pass) open(n uint64, keep bool) frame {
	if !p.reading {
		from := len(p.out)
		p.out = append(protowire.AppendVarint(p.out, n<<3|bytesType), 0)
		return frame{from: from, body: len(p.out), keep: keep}
	}
	if p.tag != n<<3|bytesType {
		return frame{done: true}
	}
	b, rest := p.split()
	if p.err != nil {
		return frame{done: true}
	}
	p.advance(b)
	return frame{after: rest}
}

// more reports whether the fields of an open message are to be written, or read
// (again). When it returns false the message is closed.
func (p *pass) more(f *frame) bool {
	if f.done {
		return false
	}
	if !p.reading {
		if f.begun {
			p.shut(f)
		}
		f.begun = !f.begun
		return f.begun
	}
	if f.begun && p.tag != 0 && len(p.in) == f.left {
		p.skip() // the last run has not read it: it is unknown
	}
	if p.tag == 0 {
		if p.err == nil {
			p.advance(f.after)
		}
		return false
	}
	f.begun, f.left = true, len(p.in)
	return true
}

// shut inserts the length of a message that has been written.
func (p *pass) shut(f *frame) {
	size := len(p.out) - f.body
	if size == 0 && !f.keep {
		p.out = p.out[:f.from]
		return
	}
	if size < 0x80 {
		p.out[f.body-1] = byte(size)
		return
	}
	// open has left room for a length of one byte.
	var zeros [binary.MaxVarintLen64]byte
	wider := protowire.SizeVarint(uint64(size)) - 1
	p.out = append(p.out, zeros[:wider]...)
	copy(p.out[f.body+wider:], p.out[f.body:])
	binary.PutUvarint(p.out[f.body-1:], uint64(size))
}
