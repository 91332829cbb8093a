package client

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455, section 4.2.2 asks for it
	"encoding/base64"
	"fmt"
)

func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

func upgradeRequest(path, host, key string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", path, host, key)
}

var endOfHead = []byte("\r\n\r\n")

// upgraded reads the server's answer at the start of b. size is 0 when it is
// not all there yet.
func upgraded(b []byte, accept []byte) (size int, err error) {
	end := bytes.Index(b, endOfHead)
	if end < 0 {
		return 0, nil
	}
	head := b[:end]
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) || !bytes.Contains(head, accept) {
		return 0, fmt.Errorf("answer to the upgrade: %.300q", b)
	}
	return end + len(endOfHead), nil
}
