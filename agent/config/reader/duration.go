package reader

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var (
	errDuration = errors.New("want a number with a unit, such as 500ms, 30s, 5m, 1h30m or 2d")
	errSeconds  = errors.New("want seconds, or a number with a unit, such as 500ms, 5m or 2d")
)

// ParseDuration reads a duration with its units, days among them. Where seconds is
// set, a number without a unit is in seconds.
func ParseDuration(text string, seconds bool) (time.Duration, error) {
	fail := errDuration
	if seconds {
		fail = errSeconds
		if isDigits(text) {
			text += "s"
		}
	}
	if len(text) > maxNumber {
		return 0, fail
	}
	var days time.Duration
	if n, rest, ok := strings.Cut(text, "d"); ok {
		d, err := strconv.ParseUint(n, 10, 31)
		if err != nil || !isDigits(n) || d > uint64(math.MaxInt64/(24*time.Hour)) {
			return 0, fail
		}
		days, text = time.Duration(d)*24*time.Hour, rest
		if text == "" {
			return days, nil
		}
		if !isDigits(text[:1]) {
			return 0, fail
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || strings.HasPrefix(text, "+") || days > math.MaxInt64-max(d, 0) {
		return 0, fail
	}
	return days + d, nil
}

// durationText returns the shortest text of d that ParseDuration reads as d.
func durationText(d time.Duration, seconds bool) string {
	if seconds && d%time.Second == 0 && d >= 0 {
		return strconv.FormatInt(int64(d/time.Second), 10)
	}
	s := d.String() // such as 1h0m0s
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
