package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// interrupted is a program that shows what its signals do. Its argument is for how long
// the first one counts. It goes on until its input ends.
func interrupted() {
	while, err := time.ParseDuration(os.Args[1])
	if err != nil {
		panic(err)
	}
	ctx, fatal := interruptible(while, os.Interrupt, syscall.SIGTERM)
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println("first")
	if while < time.Minute {
		<-fatal
		fmt.Println("fatal")
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	fmt.Println("done")
}

// TestSignalsTogetherAreOne sends several without a pause, and one much later.
func TestSignalsTogetherAreOne(t *testing.T) {
	begin := func(t *testing.T, while string) (cmd *exec.Cmd, in io.Closer, expect func(string)) {
		cmd = exec.Command(exe(t, "interrupted"), while)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		lines := bufio.NewScanner(out)
		return cmd, in, func(want string) {
			t.Helper()
			if lines.Scan(); lines.Text() != want {
				t.Errorf("it says %q, want %q", lines.Text(), want)
			}
		}
	}
	send := func(t *testing.T, cmd *exec.Cmd, s unix.Signal) {
		t.Helper()
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("together", func(t *testing.T) {
		cmd, in, expect := begin(t, "1h")
		expect("ready")
		send(t, cmd, unix.SIGINT)
		expect("first")
		send(t, cmd, unix.SIGINT)
		send(t, cmd, unix.SIGTERM)
		in.Close()
		expect("done")
		if err := cmd.Wait(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Run("apart", func(t *testing.T) {
		cmd, _, expect := begin(t, "1ms")
		expect("ready")
		send(t, cmd, unix.SIGINT)
		expect("first")
		expect("fatal")
		send(t, cmd, unix.SIGTERM)
		_ = cmd.Wait()
		if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != unix.SIGTERM {
			t.Errorf("it ended with %v", cmd.ProcessState)
		}
	})
}

// exe is the path of one of the programs of TestMain.
func exe(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
