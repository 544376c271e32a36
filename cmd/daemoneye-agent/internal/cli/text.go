package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Unknown stands for a figure that could not be measured.
const Unknown = "unknown"

// Figure writes a figure that may not be known.
func Figure[T any](format string, p *T) string {
	if p == nil {
		return Unknown
	}
	return fmt.Sprintf(format, *p)
}

// MemoryText writes a number of bytes that may not be known.
func MemoryText(p *uint64) string {
	if p == nil {
		return Unknown
	}
	return BytesText(*p)
}

// PidText writes a pid; the agent itself, which is no other process, has none.
func PidText(pid int) string {
	if pid == 0 {
		return "-"
	}
	return strconv.Itoa(pid)
}

// Short writes a time with the digits that matter.
func Short(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return d.String()
	case d < time.Millisecond:
		return d.Round(100 * time.Nanosecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// Counts writes what was counted by name, or none.
func Counts(m map[string]uint64) string {
	var s []string
	for name, n := range m {
		s = append(s, fmt.Sprintf("%d %s", n, name))
	}
	if len(s) == 0 {
		return "none"
	}
	slices.Sort(s)
	return strings.Join(s, ", ")
}

// MomentText writes a time of today without its date.
func MomentText(t time.Time) string {
	t = t.Local()
	switch {
	case t.IsZero():
		return "-"
	case t.Format(time.DateOnly) == time.Now().Format(time.DateOnly):
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// ReasonText writes a reason behind what it is the reason of.
func ReasonText(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// BytesText writes n bytes in the largest unit that fits.
func BytesText[T ~int | ~int64 | ~uint64](n T) string {
	switch f := float64(n); {
	case f >= 1<<30:
		return fmt.Sprintf("%.1f GiB", f/(1<<30))
	case f >= 1<<20:
		return fmt.Sprintf("%.1f MiB", f/(1<<20))
	case f >= 1<<10:
		return fmt.Sprintf("%.1f KiB", f/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// OneLine returns text without its line ends.
func OneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", " ") }
