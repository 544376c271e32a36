package clock

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Ahead is how far our clocks are ahead of the kernel's own, in which it gives the times
// of what it reports. They differ in a time namespace.
type Ahead struct {
	MonoNs int64 // CLOCK_MONOTONIC
	BootNs int64 // CLOCK_BOOTTIME
}

// ReadAhead reads from the procfs at root how far our clocks are ahead. It is nothing
// where the kernel has no time namespaces.
func ReadAhead(root string) (a Ahead, err error) {
	path := filepath.Join(root, "self/timens_offsets")
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		w := strings.Fields(lines.Text())
		if len(w) != 3 {
			return a, fmt.Errorf("%s: line %q", path, lines.Text())
		}
		s, err1 := strconv.ParseInt(w[1], 10, 64)
		ns, err2 := strconv.ParseInt(w[2], 10, 64)
		if err1 != nil || err2 != nil {
			return a, fmt.Errorf("%s: line %q", path, lines.Text())
		}
		switch w[0] {
		case "monotonic", "1":
			a.MonoNs = s*1e9 + ns
		case "boottime", "7":
			a.BootNs = s*1e9 + ns
		}
	}
	return a, nil
}
