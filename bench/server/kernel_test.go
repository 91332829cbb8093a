package server

import "testing"

func TestKernelMemory(t *testing.T) {
	meminfo := "MemTotal:       24683656 kB\nSlab:               100 kB\nSReclaimable:       60 kB\nKernelStack:          20 kB\nPageTables:            3 kB\n"
	sockstat := "sockets: used 1473\nTCP: inuse 1462 orphan 0 tw 5630 alloc 1462 mem 7\nUDP: inuse 0 mem 5\n"
	if got, want := kernelMemory([]byte(meminfo), []byte(sockstat), 4096), int64(123*1024+7*4096); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
	if got := kernelMemory([]byte("MemTotal:\n\n"), nil, 4096); got != 0 {
		t.Errorf("%d bytes of nothing", got)
	}
}
