package ebpf

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Reason is why programs cannot run here.
type Reason uint8

// The reasons.
const (
	ReasonBTF         Reason = iota + 1 // the kernel does not describe its types
	ReasonPrivilege                     // a capability lacks, or bpf(2) is forbidden
	ReasonVerifier                      // the kernel's verifier refuses a program
	ReasonUnsupported                   // the kernel lacks something that a program needs
	ReasonNamespace                     // our pids are not those of the kernel
)

var reasonTexts = [...]string{
	ReasonBTF:         "the kernel does not describe its types (BTF)",
	ReasonPrivilege:   "not permitted",
	ReasonVerifier:    "the kernel's verifier refuses a program",
	ReasonUnsupported: "not in this kernel",
	ReasonNamespace:   "outside of the first pid namespace",
}

func (r Reason) String() string {
	if int(r) < len(reasonTexts) && r > 0 {
		return reasonTexts[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Refusal means that programs cannot run here. Its text is one line, and names what would
// mend it where something would.
type Refusal struct {
	Reason Reason
	Detail string // which capability, program, tracepoint or file
	Err    error  // as it came
}

func (r *Refusal) Error() string {
	if r.Reason == ReasonPrivilege {
		return r.Detail
	}
	return r.Reason.String() + ": " + r.Detail
}

func (r *Refusal) Unwrap() error { return r.Err }

func refuse(why Reason, detail string, err error) *Refusal {
	return &Refusal{Reason: why, Detail: detail, Err: err}
}

// classify makes a Refusal of an error of loading or attaching where it is one of the
// kernel's, and otherwise returns it as it is.
func classify(err error) error {
	var refused *ebpf.VerifierError
	switch {
	case errors.As(err, &refused) && len(refused.Log) > 0: // also with EACCES
		return refuse(ReasonVerifier, lastLine(refused), err)
	case errors.Is(err, os.ErrPermission):
		return refuse(ReasonPrivilege, lacking(), err)
	case errors.Is(err, ebpf.ErrNotSupported) && forbidden(): // and so was the library's own probe
		return refuse(ReasonPrivilege, lacking(), err)
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, os.ErrNotExist), errors.Is(err, unix.EINVAL):
		return refuse(ReasonUnsupported, err.Error(), err)
	}
	return fmt.Errorf("ebpf: %w", err)
}

// forbidden reports whether nothing may be made in the kernel at all. The library takes a
// map that it may not make for a kind of map that the kernel does not have.
func forbidden() bool {
	if len(missing()) > 0 {
		return true
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err == nil {
		_ = m.Close() // there is nothing in it
	}
	return errors.Is(err, os.ErrPermission)
}

// lastLine is what the verifier wrote last, which shows what is wrong.
func lastLine(v *ebpf.VerifierError) string {
	for i := len(v.Log) - 1; i >= 0; i-- {
		line := strings.TrimSpace(v.Log[i])
		if line != "" && !strings.HasPrefix(line, "processed ") {
			return line
		}
	}
	return v.Error()
}

// missing returns the capabilities that programs need and we do not have.
func missing() (all []string) {
	for _, c := range []struct {
		name   string
		number int
	}{{"CAP_BPF", unix.CAP_BPF}, {"CAP_PERFMON", unix.CAP_PERFMON}} {
		if !capable(c.number) && !capable(unix.CAP_SYS_ADMIN) {
			all = append(all, c.name)
		}
	}
	return all
}

// lacking returns what is not permitted.
func lacking() string {
	all := missing()
	if len(all) == 0 {
		return "bpf(2) is not permitted, although the capabilities are there (container, seccomp, lockdown, or RLIMIT_MEMLOCK before Linux 5.11)"
	}
	return "no " + strings.Join(all, " and ")
}

// capable reports whether the calling thread has a capability.
func capable(number int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	return data[number/32].Effective&(1<<(number%32)) != 0
}
