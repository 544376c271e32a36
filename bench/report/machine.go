package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is where and with what a measurement was made.
type Machine struct {
	CPU    string // model
	Cores  int
	Kernel string
	Go     string
	Commit string // with "-dirty" where files differ from it
	Load   string // load average, 1, 5 and 15 minutes: on a busy machine figures are worth less
}

// unknown stands for what can't be found out.
const unknown = "unknown"

// ThisMachine looks at the machine and at the repository of the working directory.
func ThisMachine() Machine {
	m := Machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Kernel: unknown, Go: runtime.Version(), Commit: unknown, Load: unknown}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = fmt.Sprintf("%s %s", unix.ByteSliceToString(name.Sysname[:]), unix.ByteSliceToString(name.Release[:]))
	}
	if out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(out))
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		if f := strings.Fields(string(b)); len(f) >= 3 {
			m.Load = strings.Join(f[:3], " ")
		}
	}
	return m
}

// cpuModel reads the first model name of /proc/cpuinfo; some architectures have none.
func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return unknown
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// Config writes what the testing package does not write as lines that benchstat
// reads: it keeps results of different machines apart.
func (m Machine) Config(w io.Writer) error {
	_, err := fmt.Fprintf(w, "cores: %d\nkernel: %s\ngo: %s\ncommit: %s\nload: %s\n", m.Cores, m.Kernel, m.Go, m.Commit, m.Load)
	return err
}

// String writes it all in one line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, commit %s, load average before %s", m.CPU, m.Cores, m.Kernel, m.Go, m.Commit, m.Load)
}

// stamp is what a figure shows of it: which commit, where, and how busy it was.
func (m Machine) stamp() string {
	return fmt.Sprintf("commit %s, %s, %d cores, load average before %s", m.Commit, m.CPU, m.Cores, m.Load)
}
