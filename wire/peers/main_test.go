package peers

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Toxiproxy leaves some behind where a connection ended at the wrong moment.
	const toxiproxy = "github.com/Shopify/toxiproxy/v2"
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction(toxiproxy+".(*ToxicLink).read"),
		goleak.IgnoreAnyFunction(toxiproxy+".(*ToxicLink).write"),
		goleak.IgnoreAnyFunction(toxiproxy+"/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction(toxiproxy+"/toxics.(*ToxicStub).Close"),
	)
}
