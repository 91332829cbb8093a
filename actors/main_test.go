package actors_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Whatever an actor or a lane began has ended when its system has.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
