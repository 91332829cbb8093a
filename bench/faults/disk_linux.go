package faults

import (
	"fmt"
	"syscall"
)

// mount puts a file system of so many bytes at dir.
func mount(dir string, size int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, fmt.Sprintf("size=%d,mode=0700", size))
}

// unmount takes it away, whoever still has a file open there.
func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
