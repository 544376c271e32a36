package item

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
)

// maxProgram is how many instructions a regular expression may take. Those of public
// rules take 400.
const maxProgram = 20_000

// programOf returns how many instructions a regular expression takes, or what is wrong
// with it.
func programOf(text string) (size int, problem string) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		var se *syntax.Error
		if !errors.As(err, &se) {
			return 0, err.Error()
		}
		if what := unlimited(text, se); what != "" {
			return 0, what + " cannot be evaluated in linear time"
		}
		return 0, fmt.Sprintf("%s: %s", se.Code, document.Shorten(se.Expr))
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, err.Error()
	}
	if size = len(prog.Inst); size > maxProgram {
		return 0, fmt.Sprintf("it takes %d instructions, of at most %d", size, maxProgram)
	}
	return size, ""
}

// unlimited names the construct that other engines have and a linear one does not.
func unlimited(text string, e *syntax.Error) string {
	for _, c := range []struct{ start, name string }{
		{"(?=", "look-ahead (?="}, {"(?!", "look-ahead (?!"},
		{"(?<=", "look-behind (?<="}, {"(?<!", "look-behind (?<!"},
		{"(?>", "atomic group (?>"}, {"(?(", "condition (?("},
	} {
		if strings.HasPrefix(e.Expr, c.start) || e.Code == syntax.ErrInvalidNamedCapture && strings.Contains(text, c.start) {
			return c.name
		}
	}
	if e.Code == syntax.ErrInvalidEscape && len(e.Expr) == 2 && '1' <= e.Expr[1] && e.Expr[1] <= '9' {
		return "back-reference " + e.Expr
	}
	if e.Code == syntax.ErrInvalidRepeatOp {
		return "possessive repetition " + e.Expr
	}
	return ""
}
