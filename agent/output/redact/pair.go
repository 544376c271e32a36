package redact

import "strings"

// A list of variables or headers often has an object for each, with one member for the name
// and one for the value: {"name":"DB_PASSWORD","value":"x"}.

// isName and isValue report whether a member of an object, by its folded name, names
// something, or is what that has.
func isName(member string) bool {
	return member == "name" || member == "key" || member == "field" || member == "header"
}

func isValue(member string) bool { return member == "value" || member == "values" }

// namesSecret reports whether a text is the name of a secret, and not a sentence about one.
func namesSecret(text string) bool {
	folded := fold(text)
	for i := range len(folded) {
		if !isNameByte(folded[i]) {
			return false
		}
	}
	return isSecretMember(folded)
}

// findPairs returns where those objects begin whose value is a secret, in one pass: the name
// may stand behind the value.
func (w *walker) findPairs() map[int]bool {
	if !strings.Contains(w.in, "alue") && !strings.Contains(w.in, `\u00`) {
		return nil
	}
	type frame struct {
		at     int  // where the object begins; -1 for an array
		key    bool // the next text is the name of a member
		naming bool // the value of the member names something
	}
	pairs := map[int]bool{}
	all := make([]frame, 1, 16)
	all[0].at = -1
	for i := 0; i < len(w.in); {
		top := &all[len(all)-1]
		switch w.in[i] {
		case '{':
			all = append(all, frame{at: i, key: true})
		case '[':
			all = append(all, frame{at: -1})
		case '}', ']':
			all = all[:len(all)-1]
		case ',':
			top.key = top.at >= 0
		case '"':
			text, end := readText(w.in, i)
			switch {
			case top.key:
				top.key, top.naming = false, isName(fold(text))
			case top.at >= 0 && top.naming && namesSecret(text):
				pairs[top.at] = true
			}
			w.work += end - i
			i = end
			continue
		}
		w.work++
		i++
	}
	return pairs
}
