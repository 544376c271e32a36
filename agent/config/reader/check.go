package reader

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// check holds v to the key's bounds. The error names what is wanted.
func (k *Key) check(v any) error {
	n, what := amount(v)
	low, high := k.min != nil && n < k.min.n, k.max != nil && n > k.max.n
	switch {
	case low && k.why != "":
		return fmt.Errorf("want at least %s: %s", k.min.text, k.why)
	case (low || high) && k.min != nil && k.max != nil:
		return fmt.Errorf("want %s to %s%s", k.min.text, k.max.text, what)
	case low:
		return fmt.Errorf("want at least %s%s", k.min.text, what)
	case high:
		return fmt.Errorf("want at most %s%s", k.max.text, what)
	}
	switch v := v.(type) {
	case string:
		return k.checkText(v)
	case []string:
		for i, s := range v {
			if err := k.checkText(s); err != nil {
				return fmt.Errorf("%q: %w", s, err)
			}
			if slices.Contains(v[:i], s) {
				return fmt.Errorf("%q stands there twice", s)
			}
		}
	case map[string]string:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if err := k.checkText(name); err != nil {
				return fmt.Errorf("name %q: %w", name, err)
			}
			if k.values != nil && !k.values.re.MatchString(v[name]) {
				return fmt.Errorf("%q is %q, want %s", name, shorten(v[name]), k.values.want)
			}
			if err := checkPrintable(v[name]); err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
		}
	}
	if k.kind == kindEntries {
		for _, name := range entryNames(v) {
			if err := k.checkText(name); err != nil {
				return fmt.Errorf("name %q: %w", name, err)
			}
		}
	}
	return nil
}

func (k *Key) checkText(s string) error {
	if k.of != nil && !slices.Contains(k.of, s) {
		return fmt.Errorf("want %s", oneOf(k.of))
	}
	if k.match != nil && !k.match.re.MatchString(s) {
		return fmt.Errorf("want %s", k.match.want)
	}
	if err := k.checkSyntax(s); err != nil {
		return err
	}
	return checkPrintable(s)
}

// checkSyntax holds a text to what it is to be in itself.
func (k *Key) checkSyntax(s string) (err error) {
	switch k.syntax {
	case "regexp":
		_, err = regexp.Compile(s)
	case "pattern":
		_, err = path.Match(s, "")
	}
	return err
}

var errControl = errors.New("want text without control characters")

func checkPrintable(s string) error {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errControl
	}
	return nil
}
