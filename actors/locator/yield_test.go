package locator_test

import "runtime"

func yield() { runtime.Gosched() }
