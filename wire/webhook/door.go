package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/corrillo/corrillo/wire"
)

// proof is how a request shows that it comes from the back end.
type proof uint8

const (
	secret    proof = iota // shown, and right
	signature              // to be checked over the body
)

const signingPrefix = "whsec_"

// door knows the secrets.
type door struct {
	digests [][sha256.Size]byte // of the secrets, so that all have one length
	signers []*standardwebhooks.Webhook
}

func newDoor(secrets, signingSecrets []string) (*door, error) {
	d := &door{}
	for _, s := range secrets {
		if s == "" {
			return nil, errors.New("webhook: a secret is empty")
		}
		d.digests = append(d.digests, sha256.Sum256([]byte(s)))
		if strings.HasPrefix(s, signingPrefix) {
			if err := d.addSigner(s); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range signingSecrets {
		if err := d.addSigner(s); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *door) addSigner(s string) error {
	signer, err := standardwebhooks.NewWebhook(s)
	if err != nil || strings.TrimPrefix(s, signingPrefix) == "" {
		// The library's error repeats a part of the secret.
		return errors.New("webhook: a signing secret is not whsec_ and base64")
	}
	d.signers = append(d.signers, signer)
	return nil
}

func (d *door) open() bool { return len(d.digests)+len(d.signers) > 0 }

// greet looks at the headers: a right secret opens at once, a signature is to
// be checked with verify, anything else is refused.
func (d *door) greet(header http.Header) (proof, *wire.Error) {
	if !d.open() {
		return 0, wire.Errorf(wire.CodeUnauthorized, "the webhook is closed: this server has no webhook secret (WEBHOOK_SECRET)")
	}
	given := header.Get("Authorization")
	if given != "" && d.knows(given) {
		return secret, nil
	}
	if header.Get(standardwebhooks.HeaderWebhookSignature) != "" && len(d.signers) > 0 {
		return signature, nil
	}
	if given == "" {
		return 0, wire.Errorf(wire.CodeUnauthorized, "no secret in the Authorization header, and no signature that could be checked")
	}
	return 0, wire.Errorf(wire.CodeUnauthorized, "the secret in the Authorization header is not right")
}

// knows compares an Authorization header with every secret, in a time that
// does not depend on where they differ or which one it is.
func (d *door) knows(given string) bool {
	const scheme = "bearer "
	bare := strings.TrimSpace(given)
	if len(bare) > len(scheme) && strings.EqualFold(bare[:len(scheme)], scheme) {
		bare = strings.TrimSpace(bare[len(scheme):])
	}
	digest := sha256.Sum256([]byte(bare))
	found := 0
	for i := range d.digests {
		found |= subtle.ConstantTimeCompare(digest[:], d.digests[i][:])
	}
	return found == 1
}

// verify checks a Standard Webhooks v1.0.0 signature: "The content to sign"
// is id, timestamp and body joined with full stops, HMAC-SHA256; the header
// may hold several signatures, and the timestamp must be within 5 minutes.
func (d *door) verify(body []byte, header http.Header) *wire.Error {
	var last error
	for _, signer := range d.signers {
		if last = signer.Verify(body, header); last == nil {
			return nil
		}
	}
	switch {
	case errors.Is(last, standardwebhooks.ErrRequiredHeaders), errors.Is(last, standardwebhooks.ErrInvalidHeaders):
		return wire.Errorf(wire.CodeUnauthorized, "a signature needs webhook-id, webhook-timestamp (seconds since 1970) and webhook-signature")
	case errors.Is(last, standardwebhooks.ErrMessageTooOld), errors.Is(last, standardwebhooks.ErrMessageTooNew):
		return wire.Errorf(wire.CodeUnauthorized, "webhook-timestamp is more than 5 minutes away from now")
	}
	return wire.Errorf(wire.CodeUnauthorized, "no signature in webhook-signature is right")
}
