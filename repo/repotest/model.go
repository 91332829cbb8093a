package repotest

import "testing"

func testModel(t *testing.T, open Open) { _ = open }
