package agent_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// runElsewhen is a process in another time namespace. It asks for an operation as an operator,
// writes the outcome, and then is the external collector gpu.
func runElsewhen(ctx context.Context, path string) error {
	client, err := ipc.DialOptions(ctx, ipc.ClientOptions{Path: path})
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = control.Call(ctx, client, control.OperationTarget, control.Request{Operation: control.OpPause, Target: "echo"}, nil)
	fmt.Println(router.Now()/1e9, "pause:", err)
	return serve.External(ctx, fake{name: "gpu", source: "elsewhen", run: idle}, func(ctx context.Context, state func(error)) (router.Bus, error) {
		return ipc.DialOptions(ctx, ipc.ClientOptions{Path: path, Name: "gpu", Role: control.CollectorRole, OnState: state})
	}, serve.Options{Version: "1"})
}

// TestDeadlinesAcrossTimeNamespaces: those of a process with another monotonic clock, and those
// that it gets. By its own clock they had all passed long ago, or were too far away.
func TestDeadlinesAcrossTimeNamespaces(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, ahead := range []int64{86_400, -1000} {
		elsewhen := func(args ...string) *exec.Cmd {
			by := strconv.FormatInt(ahead, 10)
			return exec.CommandContext(t.Context(), "unshare", append([]string{"--fork", "--kill-child", "--time", "--monotonic", by}, args...)...)
		}
		t.Run(fmt.Sprint(ahead, " s ahead"), func(t *testing.T) {
			if out, err := elsewhen("true").CombinedOutput(); err != nil {
				t.Skipf("not possible here: %v: %s", err, out)
			}
			r := start(t, agent.Options{Configured: external(ours), Collectors: collect("echo")})
			client := r.dial(ipc.ClientOptions{})
			cmd := elsewhen(self, "gpu-elsewhen", r.socket)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = cmd.Process.Kill() // it ends with the test, however that went
				_ = cmd.Wait()
			})
			line := make([]byte, 200)
			n, err := out.Read(line)
			if err != nil {
				t.Fatal(err)
			}
			clock, got, _ := strings.Cut(strings.TrimSpace(string(line[:n])), " ")
			now, err := strconv.ParseInt(clock, 10, 64)
			if off := now - router.Now()/1e9 - ahead; err != nil || off < -100 || off > 100 {
				t.Fatalf("its clock is not where it should be: %s, %v", clock, err)
			}
			if got != "pause: <nil>" {
				t.Errorf("its operation: %q", got)
			}
			eventually(t, "it registers", func() bool {
				for _, c := range status(t, client).Collectors {
					if c.Name == "gpu" {
						return c.State == control.CollectorRunning
					}
				}
				return false
			})
			if err := operate(t, client, control.OpPause, "gpu", nil, nil); err != nil {
				t.Errorf("an operation on it: %v", err)
			}
			var report control.Report
			if err := operate(t, client, control.OpHealthCheck, "gpu", nil, &report); err != nil || report.State != control.CollectorPaused {
				t.Errorf("its health: %+v, %v", report, err)
			}
		})
	}
}
