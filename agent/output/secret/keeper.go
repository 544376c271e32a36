package secret

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Mark stands in a text in the place of a secret.
const Mark = "[redacted]"

const (
	// maxKnown bounds the spellings that a Keeper knows: those that it has read last.
	maxKnown = 256
	// short is the length up to which a secret is taken out only where it is a word of its
	// own: else a password of one letter would take that letter out of every text.
	short = 3
	// cut is how much of a secret may be at the end of a text that was cut in the middle of
	// it.
	cut = 6
)

// Keeper reads the secrets of one output, and so knows what must not be in a text that
// leaves the output: an error, a status, a log. The zero Keeper knows nothing yet. It knows
// each secret as it stands, in a URL, in JSON and in HTML, because a receiver may repeat what
// it got.
//
// Safe for concurrent use.
type Keeper struct {
	mu    sync.Mutex
	known []string // guarded by mu; the newest last
}

// Read returns what ref stands for, as the function Read does, and knows it from then on.
func (k *Keeper) Read(ref string) (string, error) {
	text, err := Read(ref)
	k.Know(text)
	return text, err
}

// Header reads the value of a header: a secret may be its last word, as in "Bearer x".
func (k *Keeper) Header(ref string) (string, error) {
	text, err := k.Read(ref)
	if i := strings.LastIndexByte(text, ' '); i >= 0 {
		k.Know(text[i+1:])
	}
	return text, err
}

// Basic returns the header Authorization of a user with a password.
func (k *Keeper) Basic(user, ref string) (string, error) {
	password, err := k.Read(ref)
	encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	k.Know(encoded)
	return "Basic " + encoded, err
}

// URL reads a URL, or several with commas between. What stands behind the host may be a
// secret, and the password before it; a user without a password is a token.
func (k *Keeper) URL(ref string) (string, error) {
	text, err := Read(ref)
	for part := range strings.SplitSeq(text, ",") {
		k.knowURL(strings.TrimSpace(part))
	}
	return text, err
}

func (k *Keeper) knowURL(text string) {
	if strings.HasPrefix(text, "unix:") {
		return // a path
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" { // it is none, and may be anything
		k.Know(text)
		return
	}
	if u.User != nil {
		k.knowUser(u.User)
	}
	for _, path := range []string{u.EscapedPath(), u.Path} {
		k.Know(strings.Trim(path, "/"))
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if likely(part) {
			k.Know(part)
		}
	}
	k.Know(u.RawQuery)
	k.Know(u.Fragment)
	for _, values := range u.Query() {
		for _, v := range values {
			if len(v) > short { // else it is a number or a switch
				k.Know(v)
			}
		}
	}
}

func (k *Keeper) knowUser(u *url.Userinfo) {
	k.Know(u.String())
	if password, ok := u.Password(); ok {
		k.Know(password)
		k.Know(base64.StdEncoding.EncodeToString([]byte(u.Username() + ":" + password)))
	} else {
		k.Know(u.Username())
	}
}

// likely reports whether a part of a path may be a secret: it is no word such as alerts or v2.
func likely(part string) bool {
	return len(part) >= 16 || len(part) >= 6 && strings.ContainsAny(part, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

// Know has Mask take text out from now on.
func (k *Keeper) Know(text string) {
	if text == "" {
		return
	}
	spellings := []string{text, url.QueryEscape(text), url.PathEscape(text), html.EscapeString(text)}
	if b, err := json.Marshal(text); err == nil {
		spellings = append(spellings, string(b[1:len(b)-1]))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range spellings {
		k.known = append(slices.DeleteFunc(k.known, func(old string) bool { return old == s }), s)
	}
	k.known = slices.Delete(k.known, 0, max(len(k.known)-maxKnown, 0))
}

// Mask returns text with Mark in the place of each secret, also of one that is cut off at
// the end of text. So a text is masked before it is shortened.
func (k *Keeper) Mask(text string) string {
	k.mu.Lock()
	known := slices.Clone(k.known)
	k.mu.Unlock()
	sort.Slice(known, func(i, j int) bool { return len(known[i]) > len(known[j]) }) // the longest first
	for _, s := range known {
		if len(s) <= short {
			text = replaceWord(text, s)
		} else {
			text = strings.ReplaceAll(text, s, Mark)
		}
	}
	for _, s := range known {
		for n := min(len(s)-1, len(text)); n >= cut; n-- {
			if strings.HasSuffix(text, s[:n]) {
				return text[:len(text)-n] + Mark
			}
		}
	}
	return text
}

// replaceWord replaces word where no letter or digit is beside it.
func replaceWord(text, word string) string {
	var b strings.Builder
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			b.WriteString(text[at:])
			return b.String()
		}
		from, to := at+i, at+i+len(word)
		b.WriteString(text[at:from])
		if (from == 0 || !isLetter(text[from-1])) && (to == len(text) || !isLetter(text[to])) {
			b.WriteString(Mark)
		} else {
			b.WriteString(word)
		}
		at = to
	}
}

func isLetter(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z' || b >= 0x80
}

// Where returns what may be known of an address, one or more with commas between: scheme,
// host and port. A reference stays, because it only names where the address stands.
func Where(address string) string {
	if strings.HasPrefix(address, "env:") || strings.HasPrefix(address, "file:") || strings.HasPrefix(address, "unix:") {
		return address
	}
	var all []string
	for part := range strings.SplitSeq(address, ",") {
		where := Mark
		if u, err := url.Parse(strings.TrimSpace(part)); err == nil && u.Host != "" {
			where = u.Scheme + "://" + u.Host
		}
		all = append(all, where)
	}
	return strings.Join(all, ",")
}
