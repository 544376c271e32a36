package redact

import "strings"

// words make a name that of a secret. All of them are folded, with _ in the place of - and
// of nothing where a word has it.
var words = []string{
	"password", "passwd", "passwort", "passphrase", "pwd", "secret", "token", "api_key", "api-key", "apikey", "access_key", "access-key", "accesskey",
	"private_key", "private-key", "privatekey", "encryption_key", "encryption-key", "auth_key", "auth-key", "authkey", "credential",
}

// whole makes a name that of a secret where it is all of it or its last part, as in DB_PASS.
const whole = "pass"

// harmless are ends of names whose value is no secret, though the name has such a word.
var harmless = []string{
	"file", "path", "dir", "directory", "ttl", "type", "url", "uri", "endpoint", "length", "len", "count", "policy", "expiry", "expires",
	"lifetime", "id", "name", "mode", "size", "algorithm", "authentication",
}

// isSecretName reports whether a folded name is that of a secret.
func isSecretName(name string) bool {
	name = strings.Trim(name, "-_.")
	if strings.HasSuffix(name, "tokenizer") || strings.HasSuffix(name, "tokenize") || isHarmless(name) {
		return false
	}
	for _, w := range words {
		if strings.Contains(name, w) {
			return true
		}
	}
	head, ok := strings.CutSuffix(name, whole)
	return ok && (head == "" || isNamePart(head[len(head)-1]))
}

// isHarmless reports whether a folded name has one of the harmless ends.
func isHarmless(name string) bool {
	for _, end := range harmless {
		if head, ok := strings.CutSuffix(name, end); ok && (head == "" || isNamePart(head[len(head)-1])) {
			return true
		}
	}
	return false
}

// isSecretMember reports whether what stands in JSON under a folded name is a secret.
func isSecretMember(name string) bool {
	return isSecretName(name) || name == "authorization" || name == "proxy-authorization" || name == "cookie" || name == "set-cookie"
}

// isPlural reports whether a number under a folded name is how many there are, as in
// max_tokens.
func isPlural(name string) bool {
	return strings.HasSuffix(name, "s") && !strings.HasSuffix(name, "pass")
}

func isNamePart(b byte) bool { return b == '-' || b == '_' || b == '.' }

func isNameByte(b byte) bool {
	return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || isNamePart(b)
}

func isBlank(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' }

// isSecret reports whether what stands under that folded name can be one: no reference to a
// variable, no directory that PWD has, not what was redacted before.
func isSecret(name, text string) bool {
	switch {
	case text == "" || text == "true" || text == "false" || text == "null" || strings.HasPrefix(text, Mark[:len(Mark)-1]):
		return false
	case name == "pwd" || name == "oldpwd":
		return text[0] != '/'
	}
	return !isVariable(text)
}

// isVariable reports whether text is $NAME or ${NAME}, with what closes something behind it.
func isVariable(text string) bool {
	name, ok := strings.CutPrefix(text, "$")
	if !ok {
		return false
	}
	name = strings.TrimRight(strings.TrimPrefix(name, "{"), closing)
	for i := range len(name) {
		if b := lower(name[i]); b != '_' && !('a' <= b && b <= 'z') && !('0' <= b && b <= '9') {
			return false
		}
	}
	return name != ""
}

// finder finds values in one text. folded is the text in lower case.
//
// The ends of values are remembered: else a long text without blanks, with a name at each
// second byte, would be searched to its end for each of them.
type finder struct {
	text, folded string
	blank, param ending
	work         int // bytes looked at, for a test
}

// ending is the place, end, of what ends a value and stands at or behind from.
type ending struct{ from, end int }

// until returns what stands from at on up to the next byte that ends a value.
func (e *ending) until(f *finder, at int, ends func(byte) bool) (span, bool) {
	text := f.text
	if at < e.from || at > e.end || e.end == 0 {
		end := at
		for end < len(text) && (end != e.from || e.end == 0) && !ends(text[end]) {
			end++
		}
		f.work += end - at
		if end == e.from && e.end > 0 {
			end = e.end
		}
		*e = ending{at, end}
	}
	return span{at, e.end}, e.end > at
}

// named appends the values of names that are those of a secret: NAME=value, name: value,
// "name": "value", --name value, and parameters of a URL. folded is text in lower case. It
// looks at each byte a constant number of times.
func named(all []span, text, folded string) []span {
	f := finder{text: text, folded: folded}
	return f.find(all)
}

func (f *finder) find(all []span) []span {
	text, folded := f.text, f.folded
	for i := 0; i < len(folded); {
		if !isNameByte(folded[i]) {
			i++
			continue
		}
		from := i
		for i < len(folded) && isNameByte(folded[i]) {
			i++
		}
		f.work += i - from
		if !isSecretName(folded[from:i]) {
			continue
		}
		if s, ok := f.valueOf(from, i); ok && isSecret(strings.Trim(folded[from:i], "-"), text[s.from:s.to]) {
			all = append(all, trimmed(text, s))
			i = s.to
		}
	}
	return all
}

// valueOf returns the value of the name in folded[from:to].
func (f *finder) valueOf(from, to int) (span, bool) {
	text := f.text
	if from > 0 && (text[from-1] == '?' || text[from-1] == '&') {
		if to < len(text) && text[to] == '=' {
			return f.param.until(f, to+1, func(b byte) bool { return b == '&' || b == '#' || b == '"' || b == '\'' || isBlank(b) })
		}
		return span{}, false
	}
	at := to
	if n := escapes(text, at); at+n < len(text) && isQuote(text[at+n]) {
		at += n + 1
	}
	rest := text[at:]
	switch {
	case strings.HasPrefix(rest, "="):
		return f.quoted(at+1, false)
	case at == to && strings.HasPrefix(rest, " = "):
		return f.quoted(at+3, false)
	case strings.HasPrefix(rest, ": "), strings.HasPrefix(rest, " :"):
		return f.quoted(at+2, true)
	case strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "://"):
		return f.quoted(at+1, false)
	case at == to && text[from] == '-' && strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, " -"):
		return f.quoted(at+1, false)
	}
	return span{}, false
}

func isQuote(b byte) bool { return b == '"' || b == '\'' }

// maxEscapes is how many backslashes may stand before a quote that is one: three shells in
// each other.
const maxEscapes = 7

// escapes returns how many backslashes stand at text[at], at most maxEscapes.
func escapes(text string, at int) (n int) {
	for n < maxEscapes && at+n < len(text) && text[at+n] == '\\' {
		n++
	}
	return n
}

// quoted returns what stands at text[at]: a text in quotes without them, or one up to a
// blank. The quotes may be escaped, as in sh -c "… \"password\":\"…\"". blank allows for one
// before it.
func (f *finder) quoted(at int, blank bool) (span, bool) {
	text := f.text
	if blank && at < len(text) && text[at] == ' ' {
		at++
	}
	if n := escapes(text, at); at+n < len(text) && isQuote(text[at+n]) {
		at += n + 1
		end, ok := closed(text, at, n)
		if f.work += end - at; ok {
			return span{at, end}, end > at
		}
	}
	return f.blank.until(f, at, isBlank)
}

// closed returns where a text ends that begins at text[at] behind a quote with n
// backslashes: before the next such quote that has no more of them.
func closed(text string, at, n int) (end int, ok bool) {
	q := text[at-1]
	run := 0 // of backslashes
	for i := at; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			run++
			continue
		case text[i] == q && (run <= n || n == 0 && (q == '\'' || run%2 == 0)):
			return i - min(run, n), true
		}
		run = 0
	}
	return len(text), false
}

// closing is what closes something around a value.
const closing = `"')}],;`

// trimmed leaves out of s what closes something around it, where there is anything.
func trimmed(text string, s span) span {
	for s.from > 0 && s.to > s.from+1 && strings.IndexByte(closing, text[s.to-1]) >= 0 {
		s.to--
	}
	return s
}
