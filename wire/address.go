package wire

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// DirectPrefix begins the id of every direct conversation. A client can name
// one but never make another kind of conversation under this prefix.
const DirectPrefix = "dm:"

var directEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// DirectID derives the id of the direct conversation of two users: the same
// for both orders. It is DirectPrefix and the base32 (RFC 4648, no padding,
// lower case) of SHA-256 over the two ids in byte order with a NUL between.
func DirectID(a, b string) string {
	if b < a {
		a, b = b, a
	}
	h := sha256.New()
	h.Write([]byte(a))
	h.Write([]byte{0})
	h.Write([]byte(b))
	return DirectPrefix + strings.ToLower(directEncoding.EncodeToString(h.Sum(nil)))
}

// IsDirect reports whether the conversation id names a direct conversation.
func IsDirect(conversationID string) bool {
	return strings.HasPrefix(conversationID, DirectPrefix)
}
