package reader

import (
	"strings"

	"github.com/daemoneye/eventbus/agent/spelling"
)

// near returns the valid key that is most like name, which is unknown in section:
// one of the same section, else one that is called the same or nearly so elsewhere.
func (t *Table) near(section, name string) string {
	var siblings, elsewhere []string
	full := map[string]string{} // by last part, the first of each
	for _, n := range t.names {
		parent, last := split(n)
		if parent == section {
			siblings = append(siblings, last)
			continue
		}
		if full[last] == "" {
			full[last], elsewhere = n, append(elsewhere, last)
		}
	}
	if n := spelling.Nearest(name, siblings); n != "" {
		return join(section, n)
	}
	return full[spelling.Nearest(name, elsewhere)]
}

func split(name string) (section, last string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}
