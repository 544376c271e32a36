package redact

// Work returns how many bytes of the structure JSON looks at for a body.
func (r *Redactor) Work(body []byte) int {
	_, n := r.json(body)
	return n
}

// NameWork returns how many bytes the search for names looks at in a text.
func NameWork(text string) int {
	f := finder{text: text, folded: fold(text)}
	f.find(nil)
	return f.work
}
