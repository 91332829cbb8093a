package envelope

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/corrillo/corrillo/wire"
)

// Lists. An empty list is not written, and is read as nil. This loop writes or reads
// a list of messages:
//
//	for i := first(p, r.Deliver); next(p, 4, &r.Deliver, i); i++ {
//		p.delivery(4, &r.Deliver[i])
//	}
//
// Its elements must be written even when they are empty.

// first returns the index with which the loop begins.
func first[T any](p *pass, list []T) int {
	if p.reading {
		return len(list)
	}
	return 0
}

// next reports whether the list in field n has an element i. When reading, it
// appends one to be filled.
func next[T any](p *pass, n uint64, list *[]T, i int) bool {
	if !p.reading {
		return i < len(*list)
	}
	if p.tag != n<<3|bytesType {
		return false
	}
	if *list == nil {
		*list = make([]T, 0, p.alike())
	}
	var zero T
	*list = append(*list, zero)
	return true
}

// alike counts the consecutive fields, from the current one on, that have the same
// number. It looks at each: the size of a list is never taken from a number in the
// input.
func (p *pass) alike() int {
	n, b := 0, p.in
	for {
		n++
		size, at := protowire.ConsumeVarint(b)
		if at < 0 || size > uint64(len(b)-at) {
			return n
		}
		b = b[at+int(size):]
		tag, at := protowire.ConsumeVarint(b)
		if at < 0 || tag != p.tag {
			return n
		}
		b = b[at:]
	}
}

func (p *pass) strings(n uint64, list *[]string) {
	for i := first(p, *list); next(p, n, list, i); i++ {
		if p.reading {
			(*list)[i] = string(p.value())
		} else {
			p.out = protowire.AppendString(protowire.AppendVarint(p.out, n<<3|bytesType), (*list)[i])
		}
	}
}

var errHashes = fmt.Errorf("%w: not a list of hashes", ErrMalformed)

// hashes is a list of hashes, written packed, with eight bytes for each. Reading
// takes those that are not packed, too.
func (p *pass) hashes(n uint64, list *[]uint64) {
	switch {
	case !p.reading && len(*list) > 0:
		p.out = protowire.AppendVarint(protowire.AppendVarint(p.out, n<<3|bytesType), uint64(8*len(*list)))
		for _, hash := range *list {
			p.out = protowire.AppendFixed64(p.out, hash)
		}
	case !p.reading:
	case p.tag == n<<3|fixedType:
		*list = append(*list, p.fixed())
	case p.tag == n<<3|bytesType:
		b := p.value()
		if len(b)%8 != 0 {
			p.fail(errHashes)
			return
		}
		*list = slices.Grow(*list, len(b)/8)
		for ; len(b) > 0; b = b[8:] {
			*list = append(*list, binary.LittleEndian.Uint64(b))
		}
	}
}

// people is a list for which empty and nil differ.
func (p *pass) people(n uint64, list *[]string) {
	if !p.reading && *list == nil {
		return
	}
	f := p.open(n, true)
	if f.done {
		return
	}
	for p.more(&f) {
		p.strings(1, list)
	}
	if p.reading && *list == nil {
		*list = []string{}
	}
}

// statuses is a map<string, PresenceStatus>, written in the order of its keys.
func (p *pass) statuses(n uint64, users *map[string]wire.PresenceStatus) {
	if !p.reading {
		for _, id := range slices.Sorted(maps.Keys(*users)) {
			status := (*users)[id]
			p.entry(n, &id, &status)
		}
		return
	}
	for p.tag == n<<3|bytesType {
		if *users == nil {
			*users = make(map[string]wire.PresenceStatus, p.alike())
		}
		var id string
		var status wire.PresenceStatus
		p.entry(n, &id, &status)
		(*users)[id] = status
	}
}

func (p *pass) entry(n uint64, id *string, status *wire.PresenceStatus) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, id)
		p.presenceStatus(2, status)
	}
}
