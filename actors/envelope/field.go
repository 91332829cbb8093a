package envelope

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields with a single value. A zero value is not written, unless the comment says
// otherwise.

func (p *pass) uint(n uint64, v *uint64) {
	switch {
	case !p.reading:
		if *v != 0 {
			p.out = protowire.AppendVarint(protowire.AppendVarint(p.out, n<<3|varintType), *v)
		}
	case p.tag == n<<3|varintType:
		*v = p.varint()
	}
}

func (p *pass) int(n uint64, v *int64) {
	switch {
	case !p.reading:
		if *v != 0 {
			p.out = protowire.AppendVarint(protowire.AppendVarint(p.out, n<<3|varintType), uint64(*v))
		}
	case p.tag == n<<3|varintType:
		*v = int64(p.varint())
	}
}

// sint is for numbers that are often -1.
func (p *pass) sint(n uint64, v *int64) {
	switch {
	case !p.reading:
		if *v != 0 {
			p.out = protowire.AppendVarint(protowire.AppendVarint(p.out, n<<3|varintType), protowire.EncodeZigZag(*v))
		}
	case p.tag == n<<3|varintType:
		*v = protowire.DecodeZigZag(p.varint())
	}
}

// fixed64 is for numbers that are always large.
func (p *pass) fixed64(n uint64, v *int64) {
	switch {
	case !p.reading:
		if *v != 0 {
			p.out = protowire.AppendFixed64(protowire.AppendVarint(p.out, n<<3|fixedType), uint64(*v))
		}
	case p.tag == n<<3|fixedType:
		*v = int64(p.fixed())
	}
}

func (p *pass) number(n uint64, v *int) {
	wide := int64(*v)
	p.int(n, &wide)
	*v = int(wide)
}

// small is a number of one byte; one above last is an error.
func (p *pass) small(n uint64, v *uint8, last uint8) {
	wide := uint64(*v)
	p.uint(n, &wide)
	if wide > uint64(last) && p.reading {
		p.fail(errTooHigh)
		return
	}
	*v = uint8(wide)
}

func (p *pass) bool(n uint64, v *bool) {
	switch {
	case !p.reading:
		if *v {
			p.out = append(protowire.AppendVarint(p.out, n<<3|varintType), 1)
		}
	case p.tag == n<<3|varintType:
		*v = p.varint() != 0
	}
}

func (p *pass) string(n uint64, v *string) {
	switch {
	case !p.reading:
		if *v != "" {
			p.out = protowire.AppendString(protowire.AppendVarint(p.out, n<<3|bytesType), *v)
		}
	case p.tag == n<<3|bytesType:
		*v = p.text()
	}
}

// bytes is written unless it is nil. When reading, it becomes a part of the item's
// own bytes.
func (p *pass) bytes(n uint64, v *[]byte) {
	switch {
	case !p.reading:
		if *v != nil {
			p.out = protowire.AppendBytes(protowire.AppendVarint(p.out, n<<3|bytesType), *v)
		}
	case p.tag == n<<3|bytesType:
		*v = p.value()
	}
}

var errHash = fmt.Errorf("%w: a hash of another length", ErrMalformed)

func (p *pass) hash(n uint64, v *[32]byte) {
	switch {
	case !p.reading:
		if *v != ([32]byte{}) {
			p.out = protowire.AppendBytes(protowire.AppendVarint(p.out, n<<3|bytesType), v[:])
		}
	case p.tag == n<<3|bytesType:
		b := p.value()
		if copy(v[:], b) != len(b) || len(b) != len(v) {
			p.fail(errHash)
		}
	}
}

// time is a google.protobuf.Timestamp, exact to the nanosecond. It is read as UTC.
func (p *pass) time(n uint64, v *time.Time) {
	if !p.reading && v.IsZero() {
		return
	}
	f := p.open(n, true)
	if f.done {
		return
	}
	var sec, nsec int64
	if !p.reading {
		sec, nsec = v.Unix(), int64(v.Nanosecond())
	}
	for p.more(&f) {
		p.int(1, &sec)
		p.int(2, &nsec)
	}
	if p.reading && p.err == nil {
		if nsec < 0 || nsec >= int64(time.Second) {
			p.fail(errTooHigh)
			return
		}
		*v = time.Unix(sec, nsec).UTC()
	}
}
