package redact

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxListed is how many redacted members are named.
const maxListed = 32

// JSON returns an object with the secrets in its texts replaced, and with a member redacted
// that lists where. body is one object on one line, and stays as it is; an object without
// secrets is returned itself. What is no JSON is treated as a text.
func (r *Redactor) JSON(body []byte) []byte {
	text := string(body)
	if !r.mayHave(text) {
		return body
	}
	if !json.Valid(body) || len(body) == 0 || body[0] != '{' {
		s, changed := r.Text(text)
		if !changed {
			return body
		}
		return []byte(s)
	}
	w := walker{r: r, in: text, out: make([]byte, 0, len(body)+64)}
	w.value("", false)
	if len(w.listed) == 0 {
		return body
	}
	out := bytes.TrimRight(w.out, " \t\r\n")
	out = append(out[:len(out)-1], `,"redacted":[`...)
	for i, path := range w.listed {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendText(out, path)
	}
	return append(out, "]}"...)
}

// walker copies JSON that is valid, and changes texts. path is where it is.
type walker struct {
	r      *Redactor
	in     string
	at     int
	out    []byte
	path   []string
	listed []string
}

func (w *walker) copyTo(end int) {
	w.out = append(w.out, w.in[w.at:end]...)
	w.at = end
}

// space copies blanks, and returns what follows.
func (w *walker) space() byte {
	end := w.at
	for end < len(w.in) && strings.IndexByte(" \t\r\n", w.in[end]) >= 0 {
		end++
	}
	w.copyTo(end)
	return w.in[end]
}

// value copies one value that has this name. keep leaves it as it is.
func (w *walker) value(name string, keep bool) {
	switch w.space() {
	case '{':
		w.object(keep)
	case '[':
		w.array(name, keep)
	case '"':
		w.text(name, keep)
	default:
		end := w.at
		for end < len(w.in) && strings.IndexByte(",]} \t\r\n", w.in[end]) < 0 {
			end++
		}
		w.copyTo(end)
	}
}

func (w *walker) object(keep bool) {
	w.copyTo(w.at + 1)
	for {
		switch w.space() {
		case '}':
			w.copyTo(w.at + 1)
			return
		case ',':
			w.copyTo(w.at + 1)
			continue
		}
		name, end := w.read()
		w.copyTo(end)
		w.space()
		w.copyTo(w.at + 1) // the colon
		own := name == "rule" && (len(w.path) == 0 || len(w.path) == 1 && w.path[0] == "alert")
		w.path = append(w.path, name)
		w.value(name, keep || own)
		w.path = w.path[:len(w.path)-1]
	}
}

// array copies an array. Texts one after the other are treated as arguments.
func (w *walker) array(name string, keep bool) {
	w.copyTo(w.at + 1)
	for {
		switch w.space() {
		case ']':
			w.copyTo(w.at + 1)
			return
		case ',':
			w.copyTo(w.at + 1)
		case '"':
			if keep || w.isSecretMember(name) {
				w.text(name, keep)
			} else {
				w.texts()
			}
		default:
			w.value(name, keep)
		}
	}
}

// texts replaces secrets in texts that follow each other in an array.
func (w *walker) texts() {
	var list []string
	var ends [][2]int // where each stands
	for at := w.at; ; {
		text, end := readText(w.in, at)
		list, ends = append(list, text), append(ends, [2]int{at, end})
		at = skip(w.in, end)
		if w.in[at] != ',' {
			break
		}
		if at = skip(w.in, at+1); w.in[at] != '"' {
			break
		}
	}
	changed := w.r.arguments(list)
	for i := range list {
		w.copyTo(ends[i][0])
		if changed[i] {
			w.replaced(list[i], ends[i][1])
		} else {
			w.copyTo(ends[i][1])
		}
	}
}

func (w *walker) text(name string, keep bool) {
	text, end := w.read()
	if keep {
		w.copyTo(end)
		return
	}
	s, changed := Mark, text != "" && text != Mark
	if !w.isSecretMember(name) || !isSecret(fold(name), text) {
		s, changed = w.r.Text(text)
	}
	if !changed {
		w.copyTo(end)
		return
	}
	w.replaced(s, end)
}

func (w *walker) isSecretMember(name string) bool {
	if w.r.names == 0 {
		return false
	}
	name = fold(name)
	return isSecretName(name) || name == "authorization" || name == "cookie" || name == "set-cookie"
}

// replaced writes text in the place of what ends at end.
func (w *walker) replaced(text string, end int) {
	w.out = appendText(w.out, text)
	w.at = end
	if len(w.listed) == maxListed {
		return
	}
	if path := strings.Join(w.path, "."); !slices.Contains(w.listed, path) {
		w.listed = append(w.listed, path)
	}
}

func (w *walker) read() (text string, end int) { return readText(w.in, w.at) }

// readText returns the text that begins with the quote at in[at], and where it ends.
func readText(in string, at int) (text string, end int) {
	end = at + 1
	escaped := false
	for in[end] != '"' {
		if in[end] == '\\' {
			escaped = true
			end++
		}
		end++
	}
	end++
	if !escaped && utf8.ValidString(in[at:end]) {
		return in[at+1 : end-1], end
	}
	_ = json.Unmarshal([]byte(in[at:end]), &text) // it is valid
	return text, end
}

func skip(in string, at int) int {
	for strings.IndexByte(" \t\r\n", in[at]) >= 0 {
		at++
	}
	return at
}

// appendText appends text as JSON.
func appendText(dst []byte, text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text and a buffer
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
