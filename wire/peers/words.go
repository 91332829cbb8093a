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

// What of a connection that did not come about the system or a library says in
// words of its own.
var (
	errUnanswered  = errors.New("it does not answer")
	errHungUp      = errors.New("it closed the connection")
	errBroke       = errors.New("the connection broke")
	errNoNode      = errors.New("what listens there is no node: it speaks no TLS")
	errRefusesOurs = errors.New("it refuses this node's certificate")
	errExpired     = errors.New("a certificate that is not of this cluster: it has expired, or is not valid yet")
)

// inWords says why there is no stream to people who know nothing of gRPC and of
// sockets, and the same whenever it is the same: no port or time is in it that
// is another one at the next try. nil of nil.
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
