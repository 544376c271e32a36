package sigma

import (
	"regexp"
	"strings"
)

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
	variants := []Pattern{nil}
	for _, piece := range v.text {
		if piece.Wild != Literal {
			for i := range variants {
				variants[i] = variants[i].concat(Pattern{piece})
			}
			continue
		}
		steps, problem := it.steps(piece.Text)
		if problem != "" {
			return v, problem
		}
		for _, step := range steps {
			if len(variants)*len(step) > maxVariants {
				return v, "gives too many variants of " + shorten(v.source)
			}
			var next []Pattern
			for _, x := range variants {
				for _, s := range step {
					next = append(next, x.concat(s))
				}
			}
			variants = next
		}
	}
	return options(v, variants), ""
}

// steps returns for each part of a text what may stand there: one pattern, or
// those of a placeholder.
func (it *item) steps(text string) (steps [][]Pattern, problem string) {
	for text != "" {
		at := placeholder.FindStringIndex(text)
		if at == nil {
			break
		}
		steps = append(steps, []Pattern{literal(text[:at[0]])})
		found := text[at[0]:at[1]]
		text = text[at[1]:]
		if found[0] == '\\' {
			steps = append(steps, []Pattern{literal(strings.ReplaceAll(found, `\%`, `%`))})
			continue
		}
		values, problem := it.placeholder(strings.Trim(found, `\%`))
		if problem != "" {
			return nil, problem
		}
		var step []Pattern
		for _, v := range values {
			step = append(step, parsePattern(v))
		}
		steps = append(steps, step)
	}
	return append(steps, []Pattern{literal(text)}), ""
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
	known := it.parser.options.Placeholders
	if values = known[name]; len(values) > 0 {
		return values, ""
	}
	var names []string
	for n := range known {
		names = append(names, n)
	}
	if near := Nearest(name, sorted(names)); near != "" {
		it.parser.near = near
	}
	return nil, "placeholder %" + name + "% is not in the configuration"
}
