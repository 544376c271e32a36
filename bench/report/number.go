package report

import (
	"fmt"
	"math"
	"time"
)

// Absent is what stands in a table where there is no figure.
const Absent = "–"

// Count writes a number with three significant digits and a unit prefix: "4.93 M",
// "512".
func Count(v float64) string {
	for _, unit := range []struct {
		size   float64
		suffix string
	}{{1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if v >= unit.size*0.9995 {
			return digits(v/unit.size) + unit.suffix
		}
	}
	return digits(v)
}

// Bytes writes a number of bytes: "128 B", "16 KiB", "3.2 MiB".
func Bytes(v int64) string {
	size := float64(v)
	for _, unit := range []string{"B", "KiB", "MiB"} {
		if math.Abs(size) < 1000 {
			return digits(size) + " " + unit
		}
		size /= 1024
	}
	return digits(size) + " GiB"
}

// Duration writes a time with three significant digits: "113 µs", "1.24 ms".
func Duration(d time.Duration) string {
	ns := float64(d)
	for _, unit := range []struct {
		size   float64
		suffix string
	}{{1e9, " s"}, {1e6, " ms"}, {1e3, " µs"}} {
		if ns >= unit.size*0.9995 {
			return digits(ns/unit.size) + unit.suffix
		}
	}
	return digits(ns) + " ns"
}

// Ratio writes a ratio with two decimals, or Absent when there is none.
func Ratio(v, of float64) string {
	if of == 0 {
		return Absent
	}
	return fmt.Sprintf("%.2f", v/of)
}

// Percent writes a share of one as a percentage: 0.254 is "25.4 %".
func Percent(v float64) string { return fmt.Sprintf("%.1f %%", v*100) }

// digits writes v with three significant digits, without trailing zeros behind the
// point where v is whole.
func digits(v float64) string {
	if v == math.Trunc(v) {
		return fmt.Sprintf("%.0f", v)
	}
	switch a := math.Abs(v); {
	case a >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case a >= 9.995:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
