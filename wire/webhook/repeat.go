package webhook

import (
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/corrillo/corrillo/wire"
)

const maxKey = 255

// key is under which an answer is remembered. scope is the endpoint, so that
// one delivery id may go to several endpoints; but empty for a signed request:
// the signature does not cover the path, and whoever recorded one must not be
// able to send it to another endpoint.
type key struct{ scope, text string }

// keyOf reads the idempotency key. Of a signed request it is the webhook-id,
// whatever else is there: only that is signed.
func keyOf(header http.Header, by proof, e *endpoint) (key, *wire.Error) {
	k := key{scope: e.name, text: header.Get("Idempotency-Key")}
	name := "Idempotency-Key"
	if by == signature || k.text == "" {
		name, k.text = standardwebhooks.HeaderWebhookID, header.Get(standardwebhooks.HeaderWebhookID)
	}
	if by == signature {
		k.scope = ""
	}
	if len(k.text) > maxKey {
		return key{}, wire.Errorf(wire.CodeInvalidPayload, "%s: must be at most %d bytes", name, maxKey)
	}
	return k, nil
}

// messageID derives the id of a message that was posted under a key, so that
// a repeat is found in the store even when this process no longer remembers
// it: a UUIDv8 (RFC 9562 section 5.8) of SHA-256 over the endpoint's path, a
// NUL and the key.
func messageID(key string) string {
	h := sha256.New()
	h.Write([]byte(Prefix + "new-message\x00"))
	h.Write([]byte(key))
	id := uuid.UUID(h.Sum(nil)[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id.String()
}

// answers remembers what requests with a key were answered, and lets repeats
// of one that is under way wait for it.
type answers struct {
	mu    sync.Mutex
	known *simplelru.LRU[key, *attempt]
	// underWay is beside known, which may evict: an attempt must be found for
	// as long as it lasts. It is bounded by the handler's concurrency.
	underWay map[key]*attempt
	age      time.Duration
	now      func() time.Time
	// forgotten counts answers that made room for others.
	forgotten int64
}

// attempt is one request with a key. answer and at are set before done is
// closed and not changed after.
type attempt struct {
	print  [sha256.Size]byte
	done   chan struct{}
	answer answer
	at     time.Time
}

func newAnswers(size int, age time.Duration, now func() time.Time) (*answers, error) {
	known, err := simplelru.NewLRU[key, *attempt](size, nil)
	if err != nil {
		return nil, err
	}
	return &answers{known: known, underWay: map[key]*attempt{}, age: age, now: now}, nil
}

// once returns the remembered answer for the key, or waits for the one under
// way, or calls do. A request with another fingerprint under the same key is a
// conflict. Only a 200 is remembered: what failed had no effect or an unknown
// one, and may be tried again.
func (s *answers) once(ctx context.Context, k key, print [sha256.Size]byte, do func() answer) answer {
	first, mine := s.begin(k, print)
	if first.print != print {
		return failure(wire.Errorf(wire.CodeConflict, "this key was used for another request"))
	}
	if !mine {
		select {
		case <-first.done:
			return repeatOf(first.answer)
		case <-ctx.Done():
			return failure(wire.Errorf(wire.CodeUnavailable, "the same request is still under way"))
		}
	}
	defer s.end(k, first)
	first.answer = failure(wire.AsError(context.Canceled)) // should do not return
	first.answer = do()
	return first.answer
}

// begin finds the attempt for the key or makes one.
func (s *answers) begin(k key, print [sha256.Size]byte) (a *attempt, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.underWay[k]; ok {
		return a, false
	}
	if a, ok := s.known.Get(k); ok {
		if s.now().Sub(a.at) < s.age {
			return a, false
		}
		s.known.Remove(k)
	}
	a = &attempt{print: print, done: make(chan struct{})}
	s.underWay[k] = a
	return a, true
}

func (s *answers) end(k key, a *attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.underWay, k)
	a.at = s.now()
	if a.answer.status == http.StatusOK && s.known.Add(k, a) {
		s.forgotten++
	}
	close(a.done)
}

func repeatOf(a answer) answer {
	if a.status == http.StatusOK {
		a.result = resultRepeat
	}
	return a
}
