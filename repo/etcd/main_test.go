package etcd_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// gRPC leaves a handshake to itself when nobody waits for it any more.
		goleak.IgnoreAnyFunction("google.golang.org/grpc/credentials.(*tlsCreds).ClientHandshake.func1"),
	)
}
