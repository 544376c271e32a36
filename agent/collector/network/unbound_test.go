package network_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// listenUnbound listens without a bind before, and returns the port that the kernel chose.
func listenUnbound(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skip(os.NewSyscallError("socket", err))
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Listen(fd, 1); err != nil {
		t.Skip(os.NewSyscallError("listen", err))
	}
	a, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return a.(*unix.SockaddrInet4).Port
}
