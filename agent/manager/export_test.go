package manager

import "log/slog"

// Explain returns the line that stderr keeps of what is written to it in parts.
func Explain(log *slog.Logger, parts ...string) string {
	o := &stderr{log: log}
	for _, p := range parts {
		if n, err := o.Write([]byte(p)); n != len(p) || err != nil {
			panic("a collector's output was not taken")
		}
	}
	o.flush()
	return o.last
}

// MaxLine is maxLine.
const MaxLine = maxLine

// Hold keeps the manager from doing anything until let is called.
func (m *Manager) Hold() (let func()) {
	m.acting.Lock()
	return m.acting.Unlock
}
