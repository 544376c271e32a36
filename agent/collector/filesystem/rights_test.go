package filesystem_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/filesystem"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

const (
	// watching has this test binary watch a directory instead, as TestMain does it.
	watching = "FILESYSTEM_TEST_WATCH"
	// limiting gives a limit of the user namespace before that, as in max_inotify_watches=3.
	limiting = "FILESYSTEM_TEST_LIMIT"
)

// watchFiles writes how its collector describes itself, and then a line for each event, until
// its standard input ends.
func watchFiles(dir string) int {
	if name, n, ok := strings.Cut(os.Getenv(limiting), "="); ok {
		if err := os.WriteFile("/proc/sys/user/"+name, []byte(n), 0); err != nil {
			fmt.Println("not permitted:", err)
			return 1
		}
		fmt.Println("limited")
	}
	c, err := filesystem.New(filesystem.Options{Paths: []string{dir}})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("source", c.Describe())
	return storytest.Run(c, func(v event.View) {
		if e, ok := event.Copy[event.File](v); ok {
			fmt.Println(e.Operation, e.Body.Path, e.PID, e.Executable)
		}
	})
}

// openDir is a directory that each user may look into.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rights")
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestWhatEachCapabilityIsFor: what the source says without it, and what it shows with it.
func TestWhatEachCapabilityIsFor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may")
	}
	if _, err := filesystem.New(filesystem.Options{Mode: filesystem.ModeFanotify, Paths: []string{os.TempDir()}}); err != nil {
		t.Skip(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const both = "fanotify on whole filesystems, with who did it"
	const unread = "; no CAP_SYS_PTRACE: executables of other users cannot be read"
	nobodysWork, ourPID := "0 ", fmt.Sprintf("%d ", os.Getpid())
	for _, tt := range []struct {
		name string
		as   storytest.As
		says string
		by   string
	}{
		{"none", storytest.Nobody(), "inotify (no CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH): who did it is not known", nobodysWork},
		{"SYS_ADMIN alone", storytest.Nobody(unix.CAP_SYS_ADMIN), "inotify (no CAP_DAC_READ_SEARCH): who did it is not known", nobodysWork},
		{"DAC_READ_SEARCH alone", storytest.Nobody(unix.CAP_DAC_READ_SEARCH), "inotify (no CAP_SYS_ADMIN): who did it is not known", nobodysWork},
		{"DAC_READ_SEARCH and SYS_ADMIN", storytest.Nobody(unix.CAP_DAC_READ_SEARCH, unix.CAP_SYS_ADMIN), both + unread, ourPID},
		{"and SYS_PTRACE", storytest.Nobody(unix.CAP_DAC_READ_SEARCH, unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE), both, ourPID + self},
		{"root without any", storytest.Bare(), "inotify (no CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH): who did it is not known", nobodysWork},
		{"root of a user namespace", storytest.Rootless(), "inotify (fanotify is not permitted, although the capabilities are there (user namespace, container, seccomp)): who did it is not known", nobodysWork},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := openDir(t)
			c := storytest.Start(t, tt.as, watching+"="+dir)
			if says := c.Await("source "); says != tt.says {
				t.Errorf("it is described as %q, want %q", says, tt.says)
			}
			// What is made before the source is open is part of the start: another file is made
			// until one is seen.
			stop, made := make(chan struct{}), make(chan error, 1)
			go func() { made <- makeFiles(dir, stop) }() // awaited below
			line := c.Await("create " + filepath.Join(dir, "made-"))
			close(stop)
			if err := <-made; err != nil {
				t.Fatal(err)
			}
			if _, by, _ := strings.Cut(line, " "); by != tt.by {
				t.Errorf("it is by %q, want %q", by, tt.by)
			}
		})
	}
}

// makeFiles makes a file every millisecond until stop is closed.
func makeFiles(dir string, stop chan struct{}) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("made-", i)), nil, 0o644); err != nil {
			return err
		}
		select {
		case <-stop:
			return nil
		case <-tick.C:
		}
	}
}

// TestTheLimitsOfInotify are those of a user namespace, so that they are ours alone. One of
// watches is announced, and one of instances is named.
func TestTheLimitsOfInotify(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may")
	}
	for _, tt := range []struct{ limit, begin, want string }{
		{"max_inotify_watches=3", "source ", " directories are not watched: fs.inotify.max_user_watches is reached"},
		{"max_inotify_instances=0", "error ", "fs.inotify.max_user_instances is reached"},
	} {
		t.Run(tt.limit, func(t *testing.T) {
			t.Parallel()
			dir := openDir(t)
			for i := range 10 {
				if err := os.Mkdir(filepath.Join(dir, fmt.Sprint("d", i)), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			c := storytest.Start(t, storytest.Rootless(), watching+"="+dir, limiting+"="+tt.limit)
			if says := c.Await(""); says != "limited" {
				t.Skip(says)
			}
			if says := c.Await(tt.begin); !strings.Contains(says, tt.want) {
				t.Errorf("it says %q, want %q", says, tt.want)
			}
		})
	}
}
