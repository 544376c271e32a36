package redact

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxListed is how many redacted members are named.
	maxListed = 32
	// maxPath bounds the name of one.
	maxPath = 256
)

// listName is the member that lists what was redacted, and otherName its name in a body that
// has such a member which is no array.
const (
	listName  = "redacted"
	otherName = "redacted_members"
)

// JSON returns an object with the secrets in its texts replaced, and with a member redacted
// that lists where. body is one object on one line, and stays as it is; an object without
// secrets is returned itself. What is no JSON is treated as a text.
func (r *Redactor) JSON(body []byte) []byte {
	out, _ := r.json(body)
	return out
}

// json also returns how many bytes were looked at.
func (r *Redactor) json(body []byte) (out []byte, work int) {
	text := string(body)
	if !r.mayHave(text) {
		return body, len(body)
	}
	if !json.Valid(body) || len(body) == 0 || body[0] != '{' {
		s, changed := r.Text(text)
		if !changed {
			return body, len(body)
		}
		return []byte(s), len(body)
	}
	w := walker{r: r, in: text, out: make([]byte, 0, len(body)+64), seen: map[uint64]bool{}}
	if r.names != 0 {
		w.pairs = w.findPairs()
	}
	w.value(member{})
	if len(w.listed) == 0 {
		return body, w.work
	}
	return w.withList(), w.work
}

// withList returns the object with the list of what was redacted. It is added to a list that
// is there already.
func (w *walker) withList() []byte {
	out := bytes.TrimRight(w.out, " \t\r\n")
	at, before := len(out)-1, `,"`+listName+`":[`
	after := "]"
	switch {
	case w.listEnd > 0:
		at, before, after = w.listEnd, ",", ""
		if w.listEmpty {
			before = ""
		}
	case w.listTaken:
		before = `,"` + otherName + `":[`
	}
	list := []byte(before)
	for i, path := range w.listed {
		if i > 0 {
			list = append(list, ',')
		}
		list = appendText(list, path)
	}
	return slices.Insert(out, at, append(list, after...)...)
}

// walker copies JSON that is valid, and changes texts and numbers. It looks at each byte a
// constant number of times, however deep it stands.
type walker struct {
	r     *Redactor
	in    string
	at    int
	out   []byte
	pairs map[int]bool // see findPairs
	work  int          // bytes looked at, for a test

	path   []string        // where it is
	hashes []uint64        // of path up to each of its names
	seen   map[uint64]bool // of the paths in listed
	listed []string

	listTaken bool // the object has a member redacted, which
	listEnd   int  // ends there in out, where it is an array; else 0
	listEmpty bool // and has nothing in it
}

// member is what holds for a value because of the names that it stands under.
type member struct {
	name   string // folded
	secret bool   // texts and numbers below it are secrets, but for
	counts bool   // numbers, where the name only shows how many there are
	keep   bool   // they stay as they are
}

func (w *walker) copyTo(end int) {
	w.work += end - w.at
	w.out = append(w.out, w.in[w.at:end]...)
	w.at = end
}

// space copies blanks, and returns what follows.
func (w *walker) space() byte {
	w.copyTo(skip(w.in, w.at))
	return w.in[w.at]
}

// value copies one value.
func (w *walker) value(m member) {
	switch c := w.space(); {
	case c == '{':
		w.object(m)
	case c == '[':
		w.array(m)
	case c == '"':
		w.text(m)
	default:
		end := w.at
		for end < len(w.in) && strings.IndexByte(",]} \t\r\n", w.in[end]) < 0 {
			end++
		}
		if isNumber := c == '-' || '0' <= c && c <= '9'; isNumber && m.secret && !m.counts && !m.keep {
			w.replaced(Mark, end)
			return
		}
		w.copyTo(end)
	}
}

func (w *walker) object(m member) {
	pair := w.pairs[w.at]
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
		w.push(name)
		below := w.below(m, name, pair)
		below.keep = m.keep || own
		if len(w.path) == 1 && name == listName {
			w.list(below)
		} else {
			w.value(below)
		}
		w.pop()
	}
}

// below returns what holds for the member called name of an object for which m holds. pair
// means that another member of the object names the secret that its value is.
func (w *walker) below(m member, name string, pair bool) member {
	if w.r.names == 0 {
		return member{}
	}
	w.work += len(name)
	folded := fold(name)
	own, other := isSecretMember(folded), pair && isValue(folded) || m.secret && !isHarmless(folded)
	return member{name: folded, secret: own || other, counts: own && !other && isPlural(folded)}
}

// list copies the member of the whole object that has the name of our own.
func (w *walker) list(m member) {
	w.listTaken = true
	array := w.space() == '['
	from := len(w.out)
	w.value(m)
	if array {
		w.listEnd = len(w.out) - 1
		w.listEmpty = len(bytes.TrimSpace(w.out[from+1:w.listEnd])) == 0
	}
}

// array copies an array. Texts one after the other are treated as arguments.
func (w *walker) array(m member) {
	w.copyTo(w.at + 1)
	for {
		switch w.space() {
		case ']':
			w.copyTo(w.at + 1)
			return
		case ',':
			w.copyTo(w.at + 1)
		case '"':
			if m.keep || m.secret {
				w.text(m)
			} else {
				w.texts()
			}
		default:
			w.value(m)
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

func (w *walker) text(m member) {
	text, end := w.read()
	if m.keep {
		w.copyTo(end)
		return
	}
	s, changed := Mark, text != "" && text != Mark
	if !m.secret || !isSecret(m.name, text) {
		s, changed = w.r.Text(text)
	}
	if !changed {
		w.copyTo(end)
		return
	}
	w.replaced(s, end)
}

// replaced writes text in the place of what ends at end.
func (w *walker) replaced(text string, end int) {
	w.out = appendText(w.out, text)
	w.at = end
	w.note()
}

// push and pop follow the path. It has a hash, so that nobody has to compare long ones.
func (w *walker) push(name string) {
	const prime = 1099511628211 // of FNV-1a
	h := uint64(14695981039346656037)
	if n := len(w.hashes); n > 0 {
		h = (w.hashes[n-1] ^ '.') * prime
	}
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * prime
	}
	w.work += len(name)
	w.path, w.hashes = append(w.path, name), append(w.hashes, h)
}

func (w *walker) pop() {
	w.path, w.hashes = w.path[:len(w.path)-1], w.hashes[:len(w.hashes)-1]
}

// note lists the path, once.
func (w *walker) note() {
	h := w.hashes[len(w.hashes)-1]
	if len(w.listed) == maxListed || w.seen[h] {
		return
	}
	w.seen[h] = true
	var b strings.Builder
	for i, name := range w.path {
		if i > 0 {
			b.WriteByte('.')
		}
		if b.WriteString(name[:min(len(name), maxPath)]); b.Len() > maxPath {
			break
		}
	}
	w.listed = append(w.listed, strings.ToValidUTF8(b.String()[:min(b.Len(), maxPath)], ""))
	w.work += b.Len()
}

func (w *walker) read() (text string, end int) {
	text, end = readText(w.in, w.at)
	w.work += end - w.at
	return text, end
}

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
	for at < len(in) && strings.IndexByte(" \t\r\n", in[at]) >= 0 {
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
