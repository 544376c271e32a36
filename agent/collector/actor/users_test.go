package actor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNamesOfUsers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Join([]string{
		"root:x:0:0:root:/root:/bin/sh", "toor:x:0:0::/:/bin/sh", "# ann:x:7:7", "", "broken", "x:y:z:1", "huge:x:4294967296:0", "::5:", "+@nis::6:",
		"ann:x:1000:1000::/home/ann:/bin/sh",
	}, "\n"))
	u := users{path: path}
	for id, want := range map[uint32]string{0: "root", 1000: "ann", 5: "", 6: "", 7: "", 1001: ""} {
		if got := u.name(id, 0); got != want {
			t.Errorf("user %d is %q, want %q", id, got, want)
		}
	}
	// A change is seen, but the file is not looked at for each event.
	write("bob:x:1001:1001::/:/bin/sh\n")
	if got := u.name(1001, int64(usersExpire)-1); got != "" {
		t.Errorf("user 1001 is %q before the file is due", got)
	}
	if got := u.name(1001, int64(usersExpire)); got != "bob" {
		t.Errorf("user 1001 is %q, want bob", got)
	}
	if got := u.name(1000, int64(usersExpire)); got != "" {
		t.Errorf("user 1000 is %q, and is no more", got)
	}
	// One of the same size is seen as well, within the tick of the one before.
	write("bob:x:1002:1001::/:/bin/sh\n")
	if got := u.name(1002, 2*int64(usersExpire)); got != "bob" {
		t.Errorf("user 1002 is %q, want bob", got)
	}
	// Without the file nobody has a name.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := u.name(1001, 3*int64(usersExpire)); got != "" {
		t.Errorf("user 1001 is %q without a file", got)
	}
}
