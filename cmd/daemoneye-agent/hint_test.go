package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// harm is advice that no error and no hint gives: it opens, changes or removes what may
// not be ours, ends what others run, or takes more rights.
var harm = regexp.MustCompile(`(?i)chmod|chown|\b(rm|remove|delete|unlink|move it|kill|end some|stop it|sudo|root|disable|permissions?)\b.*`)

// TestHintsDoNoHarm asks for each hint that there is.
func TestHintsDoNoHarm(t *testing.T) {
	op := func(op string, err error) error { return &ipc.OpError{Op: op, Path: "/tmp/x.sock", Err: err} }
	_, mistakes := config.Parse("f", []byte("x: 1"))
	all := map[string]error{
		"reserved": frame.ErrReserved, "pattern": frame.ErrPattern, "topic": frame.ErrTopic, "configuration": mistakes,
		"reload": cli.MistakesError{"x"}, "collectors refuse": cli.RefusedError{"x"}, "usage": cli.Usagef("x"), "no agent": op("dial", unix.ENOENT), "in use": &ipc.InUseError{Path: "x", PID: 7},
		"another user": op("dial", unix.EACCES), "refused": op("handshake", router.ErrDenied), "no responder": router.ErrNoResponder, "denied": router.ErrDenied,
		"no answer": cli.ErrNoAnswer, "a limit": &frame.Fault{Code: frame.CodeLimit}, "listen": op("listen", errors.New("x")), "no connector": process.ErrUnavailable,
	}
	seen := map[string]string{}
	for name, err := range all {
		h := cli.Hint("run", fmt.Errorf("x: %w", err))
		if h == "" || harm.MatchString(h) {
			t.Errorf("%s: hint %q", name, h)
		}
		if before := seen[h]; before != "" && name != "refused" && before != "refused" {
			t.Errorf("%s and %s have the same hint", name, before)
		}
		seen[h] = name
	}
}

// TestASocketInTheWrongPlace is answered with no advice that does harm there.
func TestASocketInTheWrongPlace(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	file := filepath.Join(dir, "run", "file")
	if err := errors.Join(os.Mkdir(open, 0o755), os.Mkdir(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600), os.Symlink("/tmp", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(open)
	for _, socket := range []string{
		"/tmp/agent.sock", "/proc/agent.sock", "/proc/self/agent.sock", "/dev/null", "/dev/null/agent.sock", "/agent.sock", "/etc/passwd", "agent.sock",
		filepath.Join(open, "agent.sock"), file, filepath.Join(dir, "link", "agent.sock"),
	} {
		status, out, errs := run(t, "run", "-collectors", "none", "-socket", socket)
		if status != cli.ExitFailed || out != "" || harm.MatchString(regexp.MustCompile(`permission denied`).ReplaceAllString(errs, "")) {
			t.Errorf("%s: exit status %d, %s%s", socket, status, out, errs)
		}
	}
}
