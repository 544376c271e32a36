package reader

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// Size is a number of bytes. Its text is exact and short: 1MiB, 1000B.
type Size int64

// sizeUnits end with the one that is the end of all others.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

var errSize = errors.New("want bytes, or a number with B, KB, MB, GB, KiB, MiB or GiB")

// String implements fmt.Stringer. ParseSize reads what it returns.
func (s Size) String() string {
	for _, u := range sizeUnits[:4] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// ParseSize reads a whole number of bytes, or a number with a unit: B, KB, MB, GB
// and TB count in thousands, KiB, MiB, GiB and TiB in 1024. A fraction is taken
// where it makes whole bytes: 1.5KiB.
func ParseSize(text string) (Size, error) {
	number, scale := text, int64(1)
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			number, scale = strings.TrimRight(n, " "), u.bytes
			break
		}
	}
	whole, fraction, dot := strings.Cut(number, ".")
	if !isDigits(whole) || dot && !isDigits(fraction) || len(number) > maxNumber {
		return 0, errSize
	}
	r, _ := new(big.Rat).SetString(number) // nothing but digits and a dot
	r.Mul(r, new(big.Rat).SetInt64(scale))
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, errSize
	}
	return Size(r.Num().Int64()), nil
}

// maxNumber is the length of a number that is still one.
const maxNumber = 32

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
