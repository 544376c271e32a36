package store

import (
	"encoding/json"
	"time"
)

// DefaultPatience is that of the zero Options.
const DefaultPatience = patience

// Steady is what decides whether a clock can be believed.
type Steady struct{ steady }

// Trusted reports whether the clock can be believed.
func (s *Steady) Trusted(now, real time.Time) bool { return s.trusted(now, real) }

// VersionText is the version file of version n.
func VersionText(n int) string {
	v := version{What: what, Version: n}
	v.CRC = v.sum()
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
