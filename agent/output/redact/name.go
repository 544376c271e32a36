package redact

import "strings"

// words make a name that of a secret. All of them are folded, with _ in the place of - and
// of nothing where a word has it.
var words = []string{
	"password", "passwd", "passwort", "passphrase", "pwd", "secret", "token", "api_key", "api-key", "apikey", "access_key", "access-key", "accesskey",
	"private_key", "private-key", "privatekey", "encryption_key", "encryption-key", "auth_key", "auth-key", "authkey", "credential",
}

// whole are names of flags that have to stand alone.
const whole = "pass"

// harmless are ends of names whose value is no secret, though the name has such a word.
var harmless = []string{
	"file", "path", "dir", "directory", "ttl", "type", "url", "uri", "endpoint", "length", "len", "count", "policy", "expiry", "expires",
	"lifetime", "id", "name", "mode", "size", "algorithm", "authentication",
}

// isSecretName reports whether a folded name is that of a secret.
func isSecretName(name string) bool {
	name = strings.Trim(name, "-_.")
	if strings.HasSuffix(name, "tokenizer") || strings.HasSuffix(name, "tokenize") {
		return false
	}
	for _, end := range harmless {
		if head, ok := strings.CutSuffix(name, end); ok && (head == "" || isNamePart(head[len(head)-1])) {
			return false
		}
	}
	for _, w := range words {
		if strings.Contains(name, w) {
			return true
		}
	}
	return name == whole
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

// named appends the values of names that are those of a secret: NAME=value, name: value,
// "name": "value", --name value, and parameters of a URL. folded is text in lower case. It
// looks at each byte a constant number of times.
func named(all []span, text, folded string) []span {
	for i := 0; i < len(folded); {
		if !isNameByte(folded[i]) {
			i++
			continue
		}
		from := i
		for i < len(folded) && isNameByte(folded[i]) {
			i++
		}
		if s, ok := valueOf(text, folded, from, i); ok && isSecretName(folded[from:i]) && isSecret(strings.Trim(folded[from:i], "-"), text[s.from:s.to]) {
			all = append(all, trimmed(text, s))
			i = s.to
		}
	}
	return all
}

// valueOf returns the value of the name in folded[from:to].
func valueOf(text, folded string, from, to int) (span, bool) {
	if from > 0 && (folded[from-1] == '?' || folded[from-1] == '&') {
		if to < len(text) && text[to] == '=' {
			return until(text, to+1, func(b byte) bool { return b == '&' || b == '#' || b == '"' || b == '\'' || isBlank(b) })
		}
		return span{}, false
	}
	at := to
	if at < len(text) && (text[at] == '"' || text[at] == '\'') {
		at++
	}
	rest := text[at:]
	switch {
	case strings.HasPrefix(rest, "="):
		return quoted(text, at+1, false)
	case at == to && strings.HasPrefix(rest, " = "):
		return quoted(text, at+3, false)
	case strings.HasPrefix(rest, ": "), strings.HasPrefix(rest, " :"):
		return quoted(text, at+2, true)
	case strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "://"):
		return quoted(text, at+1, false)
	case at == to && folded[from] == '-' && strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, " -"):
		return quoted(text, at+1, false)
	}
	return span{}, false
}

// quoted returns what stands at text[at]: a text in quotes without them, or one up to a
// blank. blank allows for one before it.
func quoted(text string, at int, blank bool) (span, bool) {
	if blank && at < len(text) && text[at] == ' ' {
		at++
	}
	if at == len(text) {
		return span{}, false
	}
	if q := text[at]; q == '"' || q == '\'' {
		if n := strings.IndexByte(text[at+1:], q); n >= 0 {
			return span{at + 1, at + 1 + n}, n > 0
		}
		at++
	}
	return until(text, at, isBlank)
}

func until(text string, at int, end func(byte) bool) (span, bool) {
	s := span{at, at}
	for s.to < len(text) && !end(text[s.to]) {
		s.to++
	}
	return s, s.to > s.from
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
