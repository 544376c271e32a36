package item

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// maxVariants is how many texts one value may expand to: five dashes under windash; and
// maxVariantBytes is how many bytes they may have together.
const (
	maxVariants     = 3_125
	maxVariantBytes = 1 << 20
)

func tooMany(v value) string {
	return fmt.Sprintf("gives more than %d variants, or %d bytes, of %s", maxVariants, maxVariantBytes, document.Shorten(v.source))
}

// Encoded text differs in case, because folding would make another text of it.

func base64Of(v value) (value, string) {
	text, ok := v.text.Plain()
	if !ok {
		return v, "cannot encode wildcards"
	}
	v.text, v.cased = expr.Exactly(base64.StdEncoding.EncodeToString([]byte(text))), true
	return v, ""
}

// base64Offsets gives what a text looks like inside of a longer one that was
// encoded: it may begin at each of the three bytes of a group. What depends on the
// bytes around it is left out.
func base64Offsets(v value) (value, string) {
	text, ok := v.text.Plain()
	if !ok {
		return v, "cannot encode wildcards"
	}
	options := value{kind: isOptions}
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", offset) + text))
		start := [...]int{0, 2, 3}[offset]
		end := len(encoded) - [...]int{0, 3, 2}[(len(text)+offset)%3]
		if start >= end {
			return v, fmt.Sprintf("cannot find %s: it is too short to be seen inside of encoded text", document.Shorten(text))
		}
		o := v
		o.text, o.cased = expr.Exactly(encoded[start:end]), true
		options.options = append(options.options, o)
	}
	return options, ""
}

var littleEndian, bigEndian binary.AppendByteOrder = binary.LittleEndian, binary.BigEndian

// wide encodes a text as UTF-16.
func wide(order binary.AppendByteOrder, mark bool) func(value) (value, string) {
	return func(v value) (value, string) {
		if _, ok := v.text.Plain(); !ok && mark {
			return v, "cannot encode wildcards"
		}
		v.cased = true
		v.text = v.text.Each(func(text string) string {
			var b []byte
			if mark {
				b = order.AppendUint16(b, 0xFEFF)
			}
			for _, u := range utf16.Encode([]rune(text)) {
				b = order.AppendUint16(b, u)
			}
			return string(b)
		})
		return v, ""
	}
}

// dashes are what Windows and its programs take for a dash before an option.
var dashes = [...]string{"-", "/", "–", "—", "―"}

// windash gives each way to write the dashes that begin a word.
func windash(v value) (value, string) {
	variants, size := []expr.Pattern{nil}, v.bytes()
	for _, piece := range v.text {
		if piece.Wild != expr.Literal {
			for i := range variants {
				variants[i] = variants[i].Concat(expr.Pattern{piece})
			}
			continue
		}
		rest := piece.Text
		for at := range dashesOf(piece.Text) {
			done := len(piece.Text) - len(rest)
			before := rest[:at-done]
			rest = rest[at-done+1:]
			if n := len(variants) * len(dashes); n > maxVariants || n*size > maxVariantBytes {
				return v, tooMany(v)
			}
			next := make([]expr.Pattern, 0, len(variants)*len(dashes))
			for _, x := range variants {
				for _, dash := range dashes {
					next = append(next, x.Concat(expr.Exactly(before+dash)))
				}
			}
			variants = next
		}
		for i := range variants {
			variants[i] = variants[i].Concat(expr.Exactly(rest))
		}
	}
	return options(v, variants), ""
}

// options returns v, or with several patterns one of them.
func options(v value, patterns []expr.Pattern) value {
	if len(patterns) == 1 {
		v.text = patterns[0]
		return v
	}
	o := value{kind: isOptions, source: v.source}
	for _, p := range patterns {
		v.text = p
		o.options = append(o.options, v)
	}
	return o
}

// dashesOf yields where dashes and slashes are that stand before a word and not
// behind one.
func dashesOf(text string) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range len(text) {
			if text[i] != '-' && text[i] != '/' {
				continue
			}
			before, _ := utf8.DecodeLastRuneInString(text[:i])
			after, _ := utf8.DecodeRuneInString(text[i+1:])
			if !isWord(before) && isWord(after) && !yield(i) {
				return
			}
		}
	}
}

func isWord(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

var placeholder = regexp.MustCompile(`\\?%[^%\\\s*?]+\\?%`)

// expand replaces placeholders by what the configuration has for them. One of
// several values gives as many options. In a regular expression values stand for
// themselves.
func expand(it *item, v value) (value, string) {
	switch v = textual(v); v.kind {
	case isText:
	case isRegex:
		return expandRegex(it, v)
	default:
		return v, "wants a text, and here is " + kindNames[v.kind]
	}
	variants := []expr.Pattern{nil}
	for _, piece := range v.text {
		if piece.Wild != expr.Literal {
			for i := range variants {
				variants[i] = variants[i].Concat(expr.Pattern{piece})
			}
			continue
		}
		steps, problem := it.steps(piece.Text)
		if problem != "" {
			return v, problem
		}
		for _, step := range steps {
			if len(variants)*len(step) > maxVariants {
				return v, tooMany(v)
			}
			var next []expr.Pattern
			bytes := 0
			for _, x := range variants {
				for _, s := range step {
					both := value{text: x.Concat(s)}
					if bytes += both.bytes(); bytes > maxVariantBytes {
						return v, tooMany(v)
					}
					next = append(next, both.text)
				}
			}
			variants = next
		}
	}
	return options(v, variants), ""
}

// steps returns for each part of a text what may stand there: one pattern, or
// those of a placeholder.
func (it *item) steps(text string) (steps [][]expr.Pattern, problem string) {
	for text != "" {
		at := placeholder.FindStringIndex(text)
		if at == nil {
			break
		}
		steps = append(steps, []expr.Pattern{expr.Exactly(text[:at[0]])})
		found := text[at[0]:at[1]]
		text = text[at[1]:]
		if found[0] == '\\' {
			steps = append(steps, []expr.Pattern{expr.Exactly(strings.ReplaceAll(found, `\%`, `%`))})
			continue
		}
		values, problem := it.placeholder(strings.Trim(found, `\%`))
		if problem != "" {
			return nil, problem
		}
		var step []expr.Pattern
		for _, v := range values {
			step = append(step, expr.ParsePattern(v))
		}
		steps = append(steps, step)
	}
	return append(steps, []expr.Pattern{expr.Exactly(text)}), ""
}

func expandRegex(it *item, v value) (value, string) {
	var problem string
	text := placeholder.ReplaceAllStringFunc(v.source, func(found string) string {
		if found[0] == '\\' {
			return strings.ReplaceAll(found, `\%`, `%`)
		}
		values, p := it.placeholder(strings.Trim(found, `\%`))
		if p != "" {
			problem = p
		}
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = regexp.QuoteMeta(v)
		}
		return "(?:" + strings.Join(quoted, "|") + ")"
	})
	v.source = text
	return v, problem
}

func (it *item) placeholder(name string) (values []string, problem string) {
	known := it.reader.Placeholders
	if values = known[name]; len(values) > 0 {
		return values, ""
	}
	var names []string
	for n := range known {
		names = append(names, n)
	}
	if near := spelling.Nearest(name, document.Sorted(names)); near != "" {
		it.near = near
	}
	return nil, "placeholder %" + name + "% is not in the configuration"
}
