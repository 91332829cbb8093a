package peers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Reasons why there is no connection, in words that an operator understands. They
// stand for errors of the system or of a library: see inWords.
var (
	errUnanswered  = errors.New("it does not answer")
	errHungUp      = errors.New("it closed the connection")
	errBroke       = errors.New("the connection broke")
	errNoNode      = errors.New("what listens there is no node: it speaks no TLS")
	errRefusesOurs = errors.New("it refuses this node's certificate")
	errExpired     = errors.New("a certificate that is not of this cluster: it has expired, or is not valid yet")
)

// inWords rewrites the error of a stream for people who do not know gRPC or sockets.
// The same cause always gives the same words: they hold no port or time that would
// differ at the next try. It returns nil for nil.
func inWords(err error) error {
	if st, is := status.FromError(err); is && err != nil {
		switch {
		case strings.Contains(st.Message(), "remote error: tls:"):
			return errRefusesOurs
		case st.Code() == codes.Canceled:
			return errBroke
		}
		return errors.New(st.Message())
	}
	var (
		invalid x509.CertificateInvalidError
		name    *net.DNSError
		call    *os.SyscallError
		record  tls.RecordHeaderError
		op      *net.OpError
		timeout net.Error
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return errExpired
	case errors.As(err, &name) && name.IsNotFound:
		return fmt.Errorf("nobody knows the name %s", name.Name)
	case errors.As(err, &call):
		return call.Err // connection refused, no route to host
	case errors.As(err, &record):
		return errNoNode
	case errors.As(err, &op) && op.Op == "remote error": // an alert of TLS
		return errRefusesOurs
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errUnanswered
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errHungUp
	}
	return err
}
