package live

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// Selector names rules by one thing that they have. Text is compared without regard to
// case, and * stands for any text.
//
//	id:0f0f1c2e-…       the id, or the name
//	tag:attack.t1059*   one of the tags
//	level:high          the level
//	status:experimental the status
//	path:linux/*        the file, as problems name it; also with the end of its path alone
//
// Immutable.
type Selector struct {
	kind  string
	value string // in lower case
}

// ErrSelector is returned for a text that is no selector.
var ErrSelector = errors.New("no selector of rules")

var selectorKinds = []string{"id", "tag", "level", "status", "path"}

// ParseSelector reads a selector.
func ParseSelector(text string) (Selector, error) {
	bad := func(format string, args ...any) (Selector, error) {
		return Selector{}, fmt.Errorf("%w: %.80q: %s", ErrSelector, text, fmt.Sprintf(format, args...))
	}
	kind, value, ok := strings.Cut(text, ":")
	if !ok || value == "" {
		return bad("want KIND:VALUE, such as tag:attack.execution")
	}
	known := false
	for _, k := range selectorKinds {
		known = known || k == kind
	}
	if !known {
		near := ""
		if n := spelling.Nearest(kind, selectorKinds); n != "" {
			near = " (nearest: " + n + ")"
		}
		return bad("want one of %s%s", strings.Join(selectorKinds, ", "), near)
	}
	switch {
	case kind == "level" && sigma.LevelByName(value) == 0:
		return bad("want informational, low, medium, high or critical")
	case kind == "status" && sigma.StatusByName(value) == sigma.StatusNone:
		return bad("want stable, test, experimental, deprecated or unsupported")
	}
	if _, err := path.Match(strings.ToLower(value), ""); err != nil {
		return bad("%v", err)
	}
	return Selector{kind, strings.ToLower(value)}, nil
}

func (s Selector) String() string { return s.kind + ":" + s.value }

// matches reports whether a rule is named.
func (s Selector) matches(h *sigma.Head) bool {
	switch s.kind {
	case "id":
		return like(s.value, h.ID) || like(s.value, h.Name)
	case "tag":
		for _, tag := range h.Tags {
			if like(s.value, tag) {
				return true
			}
		}
		return false
	case "level":
		return s.value == h.Level.String()
	case "status":
		return s.value == h.Status.String()
	}
	return like(s.value, h.File) || like("*/"+s.value, h.File)
}

// like reports whether a text is that of a pattern, in which * stands for any text.
func like(pattern, text string) bool {
	text = strings.ToLower(text)
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], more
	}
}
