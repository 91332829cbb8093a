// Package auth checks the tokens that clients bring (wire.Verifier) and mints
// them for operators and tests. It knows JSON Web Tokens (RFC 7519) signed
// with a shared secret, with a public key from a PEM file, or with a key from
// a JWK Set URL.
//
// Which algorithm a token may name is decided by the kind of key, never by the
// token: a shared secret checks HS256, HS384 and HS512 only, an RSA key RS256,
// RS384 and RS512 only, an elliptic key the one algorithm of its curve, an
// Ed25519 key EdDSA only. "none" is never accepted (RFC 8725 section 3.1).
//
// Who may do what is not decided here. Nothing here logs, or puts into an
// error, a token or a secret.
package auth
