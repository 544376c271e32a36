package store

import "encoding/json"

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
