package expr

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// Number is a number of a rule or an event. Whole numbers are exact.
type Number struct {
	whole    bool
	negative bool   // of a whole number
	abs      uint64 // of a whole number
	float    float64
}

// Uint returns n as a Number.
func Uint(n uint64) Number { return Number{whole: true, abs: n, float: float64(n)} }

// Float returns f as a Number: a whole one if it has no fraction.
func Float(f float64) Number {
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return Number{whole: true, negative: f < 0, abs: uint64(math.Abs(f)), float: f}
	}
	return Number{float: f}
}

// ParseNumber returns the number that a text is: digits, with a sign, a point or
// an exponent if need be.
func ParseNumber(text string) (Number, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	if strings.Trim(text, "0123456789.eE+-") != "" || digits == "" {
		return Number{}, false
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
		f := float64(n)
		if negative {
			f = -f
		}
		return Number{whole: true, negative: negative && n != 0, abs: n, float: f}, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Number{}, false
	}
	return Float(f), true
}

// Uint returns the number if it is whole and not negative.
func (n Number) Uint() (uint64, bool) { return n.abs, n.whole && !n.negative }

// Compare returns -1, 0 or 1 as n is less than m, equal or greater.
func (n Number) Compare(m Number) int {
	switch {
	case !n.whole || !m.whole:
		return cmp.Compare(n.float, m.float)
	case n.negative != m.negative:
		if n.negative {
			return -1
		}
		return 1
	case n.negative:
		return cmp.Compare(m.abs, n.abs)
	}
	return cmp.Compare(n.abs, m.abs)
}

// String returns the number in decimal, a whole one without a point.
func (n Number) String() string {
	if !n.whole {
		return strconv.FormatFloat(n.float, 'f', -1, 64)
	}
	text := strconv.FormatUint(n.abs, 10)
	if n.negative {
		return "-" + text
	}
	return text
}

// Signed returns i as a Number.
func Signed(i int64) Number {
	n, _ := ParseNumber(strconv.FormatInt(i, 10))
	return n
}
