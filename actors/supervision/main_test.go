package supervision_test

import (
	"testing"

	"go.uber.org/goleak"
)

// protoactor counts dead letters in a goroutine that goes a second later.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}
