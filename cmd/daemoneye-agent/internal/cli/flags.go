package cli

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// bounded is a flag whose value is a number between two bounds. A value outside of them
// is an error that names both.
type bounded[T cmp.Ordered] struct {
	p        *T
	min, max T
	parse    func(string) (T, error)
	format   func(T) string
}

// boundError is a value that a bounded flag does not take, with what it takes.
type boundError struct{ value, want string }

func (e *boundError) Error() string { return e.value + ", want " + e.want }

// String implements pflag.Value.
func (f *bounded[T]) String() string { return f.format(*f.p) }

// Type implements pflag.Value. The backquotes in the usage name the value instead.
func (f *bounded[T]) Type() string { return "value" }

// Set implements pflag.Value.
func (f *bounded[T]) Set(text string) error {
	v, err := f.parse(text)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return &boundError{text, f.bounds()}
	case err != nil:
		return &boundError{strconv.Quote(text), err.Error()}
	case !(v >= f.min && v <= f.max): // and not NaN
		return &boundError{f.format(v), f.bounds()}
	}
	*f.p = v
	return nil
}

func (f *bounded[T]) bounds() string { return f.format(f.min) + " to " + f.format(f.max) }

// IntFlag defines a flag of a whole number from low to high.
func IntFlag(fs *pflag.FlagSet, p *int, name string, value, low, high int, usage string) {
	*p = value
	fs.Var(&bounded[int]{p, low, high, parseInt, strconv.Itoa}, name, usage)
}

func parseInt(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		err = errors.New("a whole number")
	}
	return n, err
}

// RateFlag defines a flag of a number from low to high, which need not be whole.
func RateFlag(fs *pflag.FlagSet, p *float64, name string, value, low, high float64, usage string) {
	*p = value
	parse := func(text string) (float64, error) {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			err = errors.New("a number")
		}
		return v, err
	}
	format := func(v float64) string {
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return fmt.Sprint(v)
	}
	fs.Var(&bounded[float64]{p, low, high, parse, format}, name, usage)
}

// TimeFlag defines a flag of a time from low to high.
func TimeFlag(fs *pflag.FlagSet, p *time.Duration, name string, value, low, high time.Duration, usage string) {
	*p = value
	parse := func(text string) (time.Duration, error) {
		v, err := time.ParseDuration(text)
		if err != nil {
			err = fmt.Errorf("a time from %s to %s, such as %s", timeText(low), timeText(high), timeText(cmp.Or(value, time.Second)))
		}
		return v, err
	}
	fs.Var(&bounded[time.Duration]{p, low, high, parse, timeText}, name, usage)
}

// timeText writes a time without the zeros at its end: 1h, not 1h0m0s.
func timeText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// FlagError turns an error of the flag parser into our own text.
func FlagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var bound *boundError
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if s := unknown.GetSpecifiedShortnames(); s != "" {
			name = "-" + s
		}
		return Usagef("flag provided but not defined: %s%s", name, Meant(name, flagNames(c)))
	case errors.As(err, &missing):
		return Usagef("flag needs an argument: --%s", missing.GetSpecifiedName())
	case errors.As(err, &invalid) && errors.As(err, &bound):
		return Usagef("--%s is %w", invalid.GetFlag().Name, bound)
	case errors.As(err, &invalid):
		return Usagef("invalid value %q for flag --%s: %v", invalid.GetValue(), invalid.GetFlag().Name, reason(invalid))
	}
	return UsageError{Err: err}
}

// reason is the innermost error of a value, without the names of packages.
func reason(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
