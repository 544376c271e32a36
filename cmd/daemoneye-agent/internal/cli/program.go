package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

// Program is what a command sees of the outside.
type Program struct {
	In  io.Reader
	Out *Output
	Err io.Writer
	// version is that of the program, stamped by the linker.
	Version string
}

// JSON prints v over several lines, and escapes what a terminal would obey or hide.
func (p *Program) JSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = p.Out.Write(append(display.AppendJSON(nil, b), '\n'))
	return err
}

// JSONLine prints v on one line, and escapes what a terminal would obey or hide.
func (p *Program) JSONLine(v any) error {
	b, err := display.JSONLine(v)
	if err != nil {
		return err
	}
	_, err = p.Out.Write(b)
	return err
}

// Line prints one Line. On a terminal that is too narrow it goes on below itself, with
// the same indent.
func (p *Program) Line(format string, args ...any) {
	text := display.Clean(fmt.Sprintf(format, args...))
	width := p.Out.Width()
	if width == 0 || utf8.RuneCountInString(text) <= width {
		fmt.Fprintln(p.Out, text)
		return
	}
	rest := strings.TrimLeft(text, " ")
	indent := text[:len(text)-len(rest)]
	for _, l := range display.Wrap(rest, width-len(indent), 0) {
		fmt.Fprintln(p.Out, indent+l)
	}
}

// ReadAll reads standard input to its end, or until ctx ends. In that case the goroutine
// that reads stays until the process ends, because nothing else ends a read from a
// terminal. More than limit bytes are an error.
func (p *Program) ReadAll(ctx context.Context, limit int) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	read := make(chan result, 1)
	go func() {
		b, err := io.ReadAll(io.LimitReader(p.In, int64(limit)+1))
		if err == nil && len(b) > limit {
			err = fmt.Errorf("standard input has more than %d bytes, the agent's --max-message-size", limit)
		}
		read <- result{b, err}
	}()
	select {
	case r := <-read:
		return r.b, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
