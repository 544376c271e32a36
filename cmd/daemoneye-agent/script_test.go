package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// TestMain makes this program daemoneye-agent where a script calls it so, or an
// agent starts its collector.
func TestMain(m *testing.M) {
	// No test reads the configuration of the machine that it runs on.
	if os.Getenv(config.FileVariable) == "" {
		os.Setenv(config.FileVariable, cli.NoFile)
	}
	// And none stores an id on a machine that has none.
	if env := config.Lookup("host_id").Env; os.Getenv(env) == "" {
		os.Setenv(env, "host-of-a-test")
	}
	// And none keeps alerts where an agent of the machine does. Of the processes that this
	// one starts each has a folder of its own beside that of this one.
	remove := func() {}
	switch dir, base := os.Getenv(dataVariable), filepath.Base(os.Getenv(dataVariable)); {
	case dir == "":
		made, err := os.MkdirTemp("", "alerts")
		if err == nil {
			err = os.Chmod(made, 0o777) // some tests run the agent as somebody else
		}
		if err != nil {
			panic(err)
		}
		remove = func() { os.RemoveAll(made) }
		os.Setenv(dataVariable, filepath.Join(made, ofTests))
	case base == ofTests:
		os.Setenv(dataVariable, filepath.Join(filepath.Dir(dir), strconv.Itoa(os.Getpid())))
	}
	testscript.Main(removing{m, remove}, map[string]func(){"daemoneye-agent": main, "interrupted": interrupted, "oddproc": oddProc})
}

// dataVariable names the folder with alerts, and ofTests is what that of the tests' own
// process is called.
var dataVariable = config.Lookup("alerts.data_dir").Env

const ofTests = "of-the-tests"

// removing removes something after the tests.
type removing struct {
	testscript.TestingM
	remove func()
}

func (r removing) Run() int {
	defer r.remove()
	return r.TestingM.Run()
}

// TestScripts runs testdata/script, where each file shows one side of the
// command. $SOCK is a socket of the script's own. Beside the usual commands there
// are:
//
//	await PATTERN [ARGUMENT...]   runs "daemoneye-agent status" until a line matches
//	exits STATUS PROGRAM ...      runs a program that must end with that status
//	json FILE                     holds that each line is JSON, or all together is
//	vanish PATTERN [ARGUMENT...]  does so until no line matches
//	signal NAME COMMAND           signals the background daemoneye-agent COMMAND
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // under the race detector each process would sleep for a second at its end
			env.Setenv(config.FileVariable, cli.NoFile)
			env.Setenv(config.Lookup("host_id").Env, "host-of-a-test")
			env.Setenv(dataVariable, filepath.Join(env.WorkDir, "alerts"))
			env.Setenv("SOCK", filepath.Join(env.WorkDir, "run", "agent.sock"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "vanish": vanish, "exits": exits, "json": isJSON, "signal": signalCommand,
		},
	})
}

// patience is how long a script waits for what must come; only one that fails
// takes that long.
const patience = 20 * time.Second

func await(ts *testscript.TestScript, neg bool, args []string) { awaitStatus(ts, neg, args, true) }

func vanish(ts *testscript.TestScript, neg bool, args []string) { awaitStatus(ts, neg, args, false) }

var ready = regexp.MustCompile("(?m)^state +(ready|steady)")

// awaitStatus waits until a line of the status matches a pattern, or none does any more.
func awaitStatus(ts *testscript.TestScript, neg bool, args []string, there bool) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: await or vanish PATTERN [ARGUMENT...]")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	command := append([]string{"status", "-socket", ts.Getenv("SOCK")}, args[1:]...)
	for deadline := time.Now().Add(patience); ; {
		_ = ts.Exec("daemoneye-agent", command...) // it fails as long as there is no agent, and when that is not well
		out := ts.ReadFile("stdout")
		// A collector runs before its source is open: the agent is ready after that.
		settled := !there || !strings.Contains(args[0], " +running") || ready.MatchString(out)
		if out != "" && want.MatchString(out) == there && settled {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("whether a line of the status matches %q is %v", args[0], !there)
		}
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.ExitCode() == want, err == nil && want == 0:
	default:
		ts.Fatalf("ended with %v, want status %d", err, want)
	}
}

func isJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: json FILE")
	}
	text := ts.ReadFile(args[0])
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	for n := 0; ; n++ {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) && n > 0 {
			return
		} else if err != nil {
			ts.Fatalf("%s is not JSON: %v", args[0], err)
		}
	}
}

func signalCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal NAME COMMAND")
	}
	for _, c := range ts.BackgroundCmds() {
		if slices.Contains(c.Args, args[1]) {
			ts.Check(c.Process.Signal(unix.SignalNum("SIG" + args[0])))
			if args[0] == "STOP" { // a script that fails must not wait for it
				ts.Defer(func() { _ = c.Process.Signal(unix.SIGCONT) })
				// The signal alone only asks for it.
				ts.Check(unix.Waitid(unix.P_PID, c.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil))
			}
			return
		}
	}
	ts.Fatalf("no %s runs in the background", args[1])
}
