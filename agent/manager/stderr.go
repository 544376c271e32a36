package manager

import (
	"bytes"
	"log/slog"
	"strings"
)

// maxLine bounds a line of a collector's output; a longer one is cut in pieces.
const maxLine = 4096

// maxReason bounds what is kept of a line to explain an end.
const maxReason = 300

// stderr logs what a collector writes to its standard error, a line at a time,
// and remembers the line that explains its end: the last one, or that which
// begins the report of a crash.
//
// One goroutine at a time.
type stderr struct {
	log     *slog.Logger
	part    []byte // a line that has not ended
	last    string
	crashed bool
}

// Write implements io.Writer. It never fails, because the collector must not block.
func (e *stderr) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		take, rest := end, end+1
		if end < 0 {
			take, rest = len(b), len(b)
		}
		if room := maxLine - len(e.part); take > room {
			take, rest = room, room
		}
		e.part = append(e.part, b[:take]...)
		b = b[rest:]
		if end == take || len(e.part) == maxLine {
			e.flush()
		}
	}
	return n, nil
}

// flush ends the line.
func (e *stderr) flush() {
	line := strings.TrimSpace(string(e.part))
	e.part = e.part[:0]
	if line == "" {
		return
	}
	e.log.Info(line)
	if !e.crashed {
		e.last = line[:min(len(line), maxReason)]
		e.crashed = strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
	}
}
