package unixsock

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAPassedSocketIsNotBoundAnew holds that the loss of a socket that a service manager
// passed is noticed, and its repair left to the manager.
func TestAPassedSocketIsNotBoundAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.sock")
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	fd, _, err := bind(path)
	if err != nil {
		t.Fatal(err)
	}
	l, err := inherit(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Check(); err != nil {
		t.Errorf("it is there, and Check returns %v", err)
	}
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(); err == nil {
		t.Error("the lock has gone, and Check returns nil")
	}
	if old, err := l.Rebind(); err != nil || old != -1 || l.Check() != nil {
		t.Errorf("the lock is not taken again: %v, %v", err, l.Check())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(); err == nil || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("it was removed, and Check returns %v", err)
	}
	if _, err := l.Rebind(); err == nil || !strings.Contains(err.Error(), "service manager") {
		t.Errorf("Rebind returns %v", err)
	}
	if l.FD() != fd {
		t.Error("another descriptor is listened to")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("Close has removed another's file: %v", err)
	}
}

// TestARemovedLockIsNotHeld has the lock's file removed between its opening and its
// locking: the lock that is taken is that of the file that others find.
func TestARemovedLockIsNotHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.sock")
	first, err := openLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(lockPath(path)); err != nil {
		t.Fatal(err)
	}
	if err := isAt(lockPath(path), first.inode); err == nil {
		t.Error("the file is taken for that of the lock")
	}
	second, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := isAt(lockPath(path), second.inode); err != nil {
		t.Error(err)
	}
	for _, l := range []*lockFile{first, second} {
		if err := l.unlock(); err != nil {
			t.Error(err)
		}
	}
}

// TestANumberIsNotUsedAgain holds what Check relies on: as long as a socket is open, no
// other file gets the number of its inode.
func TestANumberIsNotUsedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "x.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 100 {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(path, unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		if l.Check() == nil {
			t.Fatal("another file has the number of the socket")
		}
	}
}
