package supervision

import (
	"reflect"
	"unsafe"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"

	"github.com/corrillo/corrillo/actors/small"
)

// Registry is protoactor's table of living actors. By itself that table never shrinks:
// it keeps 60 bytes for each actor of the most that there ever were.
type Registry struct{ shelves []shelf }

// shelf is one of the maps that the table consists of.
type shelf struct {
	guard *cmap.ConcurrentMapShared
	items *map[string]any // what guard guards
	peak  int
}

// NewRegistry finds the table of a system.
func NewRegistry(system *actor.ActorSystem) *Registry {
	r := &Registry{}
	for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
		for _, guard := range bucket {
			// The library has no way to replace a map of its own; the field
			// and its type are looked for, not believed.
			field := reflect.ValueOf(guard).Elem().FieldByName("items")
			if field.IsValid() && field.Type() == reflect.TypeFor[map[string]any]() {
				items := (*map[string]any)(unsafe.Pointer(field.UnsafeAddr())) //nolint:gosec // of that type, and only used under its lock
				r.shelves = append(r.shelves, shelf{guard: guard, items: items})
			}
		}
	}
	return r
}

// Shrink frees memory that the table took when there were more actors. It is meant to
// be called now and then, and is safe for concurrent use.
func (r *Registry) Shrink() {
	for i := range r.shelves {
		s := &r.shelves[i]
		s.guard.Lock()
		*s.items = small.Shrink(*s.items, &s.peak)
		s.guard.Unlock()
	}
}

// Peak is how many actors the table has room for, as far as Shrink has seen.
func (r *Registry) Peak() (n int) {
	for i := range r.shelves {
		s := &r.shelves[i]
		s.guard.Lock()
		n += s.peak
		s.guard.Unlock()
	}
	return n
}
