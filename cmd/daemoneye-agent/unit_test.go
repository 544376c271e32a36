package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// installUnits writes the units with a program that is there, because systemd-analyze
// looks for it.
func installUnits(t *testing.T) (service, socket string) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	status, out, errs := run(t, "unit", "--folder", dir, "--program", self)
	service, socket = filepath.Join(dir, "daemoneye-agent.service"), filepath.Join(dir, "daemoneye-agent.socket")
	if status != cli.ExitOK || out != service+"\n"+socket+"\n" {
		t.Fatalf("exit status %d: %s%s", status, out, errs)
	}
	return service, socket
}

func TestSystemdAcceptsTheUnits(t *testing.T) {
	service, socket := installUnits(t)
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", service, socket).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestTheServiceIsHardened holds its exposure as systemd counts it, of 10 at most, and
// what it may do beside that.
func TestTheServiceIsHardened(t *testing.T) {
	service, _ := installUnits(t)
	args := []string{"security", "--offline=yes", "--no-pager", "--threshold=32", service}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "unrecognized option") {
			t.Skipf("systemd-analyze cannot do that offline: %s", out)
		}
		t.Fatalf("systemd-analyze: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=yes", "--no-pager", "--json=short", service).Output()
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Set  *bool  `json:"set"`
		Name string `json:"name"`
	}
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatal(err)
	}
	// What it cannot do without; each has its reason in the unit.
	may := []string{
		"CAP_BPF", "@privileged", "CAP_SYS_PTRACE", "CAP_NET_ADMIN", "CAP_(DAC_", "AF_NETLINK", "AF_UNIX", "AF_(INET", "User=", "PrivateNetwork", "PrivateUsers", "ProtectProc", "ProcSubset",
		"ProtectHome", "PrivateTmp", "PrivateMounts", "RootDirectory", "DeviceAllow", "IPAddressDeny", "@resources",
	}
	for _, row := range rows {
		if row.Set == nil || *row.Set {
			continue
		}
		allowed := false
		for _, m := range may {
			allowed = allowed || strings.Contains(row.Name, m)
		}
		if !allowed {
			t.Errorf("%s is not restricted", row.Name)
		}
	}
}

func TestUnitPrintsBoth(t *testing.T) {
	status, out, _ := run(t, "unit", "--program", "/opt/bin/agent")
	for _, want := range []string{"# daemoneye-agent.service\n", "\nExecStart=/opt/bin/agent run\n", "# daemoneye-agent.socket\n", "\nListenStream=/run/daemoneye/default.sock\n"} {
		if status != cli.ExitOK || !strings.Contains(out, want) {
			t.Errorf("exit status %d, no %q in\n%s", status, want, out)
		}
	}
	if strings.Contains(out, "/usr/local/bin/daemoneye-agent") {
		t.Errorf("another program is in\n%s", out)
	}
	for _, path := range []string{"bin/agent", "/opt/my agent", "/opt/%h", "/opt/a\nExecStart=/x", ""} {
		if status, _, errs := run(t, "unit", "--program", path); status != cli.ExitUsage || !strings.Contains(errs, "want an absolute path") {
			t.Errorf("%q: exit status %d, %s", path, status, errs)
		}
	}
	if status, _, errs := run(t, "unit", "--folder", filepath.Join(t.TempDir(), "none")); status != cli.ExitFailed || !strings.Contains(errs, "no such file") {
		t.Errorf("a folder that is not there: exit status %d, %s", status, errs)
	}
}
