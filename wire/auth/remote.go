package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	maxJWKSBytes  = 1 << 20
	firstRetry    = time.Second
	maxRetry      = time.Minute
	jwksRedirects = 3
)

// remoteKeys are the keys of a JWK Set URL. What was fetched last stays in
// use for as long as the URL is away.
type remoteKeys struct {
	url     string
	plain   bool // http to another machine
	client  *http.Client
	log     *slog.Logger
	wait    time.Duration
	every   time.Duration
	unknown *rate.Limiter
	now     func() time.Time

	storage    *jwkset.MemoryJWKSet
	lookup     keyfunc.Keyfunc
	fetching   chan struct{} // holds a token while a fetch is under way
	generation atomic.Int64  // successful fetches
	failing    atomic.Bool
}

func newRemoteKeys(o Options) (*remoteKeys, error) {
	u, err := url.Parse(o.JWKSURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("auth: the JWK Set URL is not an http or https URL")
	}
	storage := jwkset.NewMemoryStorage()
	// A key without "use" may sign; one for encryption may not.
	lookup, err := keyfunc.New(keyfunc.Options{Storage: storage, UseWhitelist: []jwkset.USE{jwkset.UseSig, ""}})
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	client := o.HTTPClient
	if client == nil {
		client = &http.Client{CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > jwksRedirects {
				return errors.New("too many redirects")
			}
			return nil
		}}
	}
	return &remoteKeys{
		url:      o.JWKSURL,
		plain:    u.Scheme == "http" && !isLoopback(u.Hostname()),
		client:   client,
		log:      o.Logger,
		wait:     o.JWKSWait,
		every:    o.JWKSInterval,
		unknown:  rate.NewLimiter(rate.Every(o.JWKSUnknownKey), 1),
		now:      o.Now,
		storage:  storage,
		lookup:   lookup,
		fetching: make(chan struct{}, 1),
	}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// find returns the keys that may have signed the token, filtered by the
// algorithm that it names. An unknown key causes a fetch, but not often.
func (r *remoteKeys) find(ctx context.Context, t *jwt.Token) ([]jwt.VerificationKey, error) {
	seen := r.generation.Load()
	if keys := r.known(ctx, t); len(keys) > 0 {
		return keys, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	if r.unknown.AllowN(r.now(), 1) {
		r.fetchSince(ctx, seen)
	} else {
		r.await(ctx)
	}
	if keys := r.known(ctx, t); len(keys) > 0 {
		return keys, nil
	}
	if r.generation.Load() == 0 {
		return nil, errNoKeys
	}
	return nil, errUnknownKey
}

// await waits for a fetch that is under way, if there is one, and begins none.
func (r *remoteKeys) await(ctx context.Context) {
	select {
	case r.fetching <- struct{}{}:
		<-r.fetching
	case <-ctx.Done():
	}
}

// known looks a token's keys up among those fetched.
func (r *remoteKeys) known(ctx context.Context, t *jwt.Token) []jwt.VerificationKey {
	found, err := r.lookup.KeyfuncCtx(ctx)(t)
	if err != nil {
		return nil
	}
	keys := []jwt.VerificationKey{found}
	if _, ok := found.(jwt.VerificationKeySet); ok { // a token without kid
		keys = r.unnamed(ctx, t.Method.Alg())
	}
	return slices.DeleteFunc(keys, func(k jwt.VerificationKey) bool {
		return !slices.Contains(algorithmsOf(k), t.Method.Alg())
	})
}

// unnamed returns the keys that may check a token which names none: not those
// that are for encryption or for another algorithm (RFC 7517 sections 4.2 and
// 4.4), which keyfunc holds against a named one alone.
func (r *remoteKeys) unnamed(ctx context.Context, algorithm string) (keys []jwt.VerificationKey) {
	all, err := r.storage.KeyReadAll(ctx)
	if err != nil {
		return nil
	}
	for _, k := range all {
		m := k.Marshal()
		if (m.USE == jwkset.UseSig || m.USE == "") && (m.ALG == "" || string(m.ALG) == algorithm) {
			keys = append(keys, k.Key())
		}
	}
	return keys
}

// run fetches until ctx ends: at once, then at the interval, sooner after a
// failure.
func (r *remoteKeys) run(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		pause := r.every
		fetchCtx, cancel := context.WithTimeout(ctx, r.wait)
		if r.fetchSince(fetchCtx, r.generation.Load()) {
			retry = firstRetry
		} else {
			pause = min(retry, r.every)
			retry = min(retry*2, maxRetry)
		}
		cancel()
		timer := time.NewTimer(pause + rand.N(pause/10+1)) // #nosec G404 -- only spreads the load
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// fetchSince fetches unless someone else has done so since the generation was
// seen, and reports whether there is a newer one. It waits for a fetch that is
// under way rather than to begin another.
func (r *remoteKeys) fetchSince(ctx context.Context, seen int64) bool {
	select {
	case r.fetching <- struct{}{}:
		defer func() { <-r.fetching }()
	case <-ctx.Done():
		return false
	}
	if r.generation.Load() != seen {
		return true
	}
	keys, err := r.fetch(ctx)
	if err != nil {
		if !r.failing.Swap(true) && !errors.Is(err, context.Canceled) {
			r.log.Warn("JWK Set cannot be fetched, known keys stay in use", "error", err)
		}
		return false
	}
	if err := r.storage.KeyReplaceAll(ctx, keys); err != nil {
		return false
	}
	r.generation.Add(1)
	if r.failing.Swap(false) {
		r.log.Info("JWK Set is fetched again", "keys", len(keys))
	}
	return true
}

// fetch reads the set. Keys of kinds that are not supported are passed over; a
// set without any other is an error, so that it cannot empty what is known.
func (r *remoteKeys) fetch(ctx context.Context) (keys []jwkset.JWK, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // without the URL, whose query may hold a key
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered with status %d", resp.StatusCode)
	}
	var set jwkset.JWKSMarshal
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxJWKSBytes)).Decode(&set); err != nil {
		return nil, fmt.Errorf("decode JWK Set: %w", err)
	}
	for _, marshalled := range set.Keys {
		key, err := jwkset.NewJWKFromMarshal(marshalled, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil || len(algorithmsOf(key.Key())) == 0 {
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("no usable public key in the JWK Set")
	}
	return keys, nil
}
