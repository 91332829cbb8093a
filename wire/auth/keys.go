package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// minRSABits: "A key of size 2048 bits or larger MUST be used" (RFC 7518
// section 3.3).
const minRSABits = 2048

// keyRing holds the keys that are known from the start, by algorithm.
type keyRing map[string][]jwt.VerificationKey

func newKeyRing(secrets, publicKeys []string) (keyRing, error) {
	ring := keyRing{}
	for _, secret := range secrets {
		if secret == "" {
			return nil, errors.New("auth: a token secret is empty")
		}
		ring.add([]byte(secret), symmetric())
	}
	for _, given := range publicKeys {
		keys, err := readPEM(given)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			algorithms := algorithmsOf(key)
			if len(algorithms) == 0 {
				return nil, errors.New("auth: a public key is neither RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, nor Ed25519")
			}
			ring.add(key, algorithms)
		}
	}
	return ring, nil
}

func (r keyRing) add(key jwt.VerificationKey, algorithms []string) {
	for _, a := range algorithms {
		r[a] = append(r[a], key)
	}
}

// forAlgorithm returns the keys that may check the algorithm, in a slice of
// the caller's own.
func (r keyRing) forAlgorithm(a string) []jwt.VerificationKey { return slices.Clone(r[a]) }

func (r keyRing) algorithms() []string {
	list := make([]string, 0, len(r))
	for a := range r {
		list = append(list, a)
	}
	return list
}

func symmetric() []string { return []string{"HS256", "HS384", "HS512"} }

func asymmetric() []string {
	return []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"}
}

func isSymmetric(algorithm string) bool { return slices.Contains(symmetric(), algorithm) }

// algorithmsOf pins what a public key may check; none for a key that is not
// used. "ES256" and its like mean one curve each (RFC 7518 section 3.4).
func algorithmsOf(key any) []string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() >= minRSABits {
			return []string{"RS256", "RS384", "RS512"}
		}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// readPEM reads every public key of a PEM text or file.
func readPEM(given string) ([]crypto.PublicKey, error) {
	// Environment variables cannot hold line ends everywhere.
	text := []byte(strings.ReplaceAll(given, `\n`, "\n"))
	if !bytes.Contains(text, []byte("-----BEGIN")) {
		var err error
		if text, err = os.ReadFile(given); err != nil { // #nosec G304 -- the operator names the file
			return nil, fmt.Errorf("auth: read public key: %w", err)
		}
	}
	var keys []crypto.PublicKey
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		key, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("auth: parse public key: %w", err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("auth: no PEM block in a public key")
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil, errors.New("this is a private key: the server needs the public one only")
	}
	return nil, fmt.Errorf("a PEM block of type %q is not a public key", block.Type)
}
