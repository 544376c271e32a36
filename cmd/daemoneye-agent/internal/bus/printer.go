package bus

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// printer writes messages as readable lines or as lines of JSON. One goroutine at a
// time.
type printer struct {
	out    *bufio.Writer
	width  func() int     // of the terminal, 0 for none
	lines  *display.Lines // nil for JSON
	where  []display.Condition
	fields []string // nil for all
	topics bool

	line    []byte
	json    []byte
	compact bytes.Buffer
}

func newPrinter(p *cli.Program, o *tailOptions) (*printer, error) {
	x := &printer{out: bufio.NewWriterSize(p.Out, 64<<10), width: p.Out.Width, fields: o.fields, topics: o.topics}
	for _, text := range o.where {
		c, err := display.ParseCondition(text)
		if err != nil {
			return nil, cli.Usagef("--where %s: %w", text, err)
		}
		x.where = append(x.where, c)
	}
	warnUnknown(p, x.where, x.fields)
	if o.line || x.width() > 0 && !o.json {
		x.lines = &display.Lines{Colour: p.Out.Coloured()}
	}
	return x, nil
}

// print writes m, unless a condition is not met.
func (p *printer) print(m *router.Message) (printed bool, err error) {
	body, err := p.body(m)
	if err != nil {
		return false, err
	}
	var r display.Record
	if p.lines != nil || len(p.where) > 0 || p.fields != nil {
		r, _ = display.ParseJSON(body)
		if v, err := event.Parse(m.Payload); err == nil && m.Frame.Content() == frame.ContentEvent {
			r = r.Aliased(namesOf(v.Table()))
		}
	}
	for _, c := range p.where {
		if !c.Match(r) {
			return false, nil
		}
	}
	switch {
	case p.lines != nil && p.fields != nil:
		body = []byte(strings.Join(values(r, p.fields), "\t"))
	case p.lines != nil:
		body = p.readable(m, r, body)
	case p.fields != nil:
		body = chosen(r, p.fields)
	}
	if p.topics {
		if body, err = p.withTopic(m, body); err != nil {
			return false, err
		}
	}
	if p.lines == nil {
		p.json = display.AppendJSON(p.json[:0], body)
		body = p.json
	}
	_, err = p.out.Write(append(body, '\n'))
	return true, err
}

func (p *printer) readable(m *router.Message, r display.Record, body []byte) []byte {
	text := string(body)
	if m.Frame.Content() != frame.ContentEvent && m.Frame.Content() != frame.ContentJSON && utf8.Valid(m.Payload) {
		text = string(m.Payload)
	}
	age := time.Duration(router.Now() - m.Published())
	p.lines.Width = p.width()
	if p.topics {
		p.lines.Width = 0 // the topic stands before it
	}
	return []byte(p.lines.Line(&display.Message{Topic: string(m.Topic()), Time: time.Now().Add(-age), Text: text, Record: r}))
}

// values are those of the fields, ready for a terminal; empty where r lacks one.
func values(r display.Record, fields []string) (all []string) {
	for _, name := range fields {
		text, _ := r.Field(name)
		all = append(all, display.Clean(text))
	}
	return all
}

// chosen is an object of those fields that r has, in their order.
func chosen(r display.Record, fields []string) []byte {
	b := []byte{'{'}
	for _, name := range fields {
		value, ok := r.Value(name)
		if !ok {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		key, _ := json.Marshal(name) // text always has a form
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}')
}

// withTopic puts where m came from beside body.
func (p *printer) withTopic(m *router.Message, body []byte) ([]byte, error) {
	if p.lines != nil {
		return append([]byte(string(m.Topic())+" "), body...), nil
	}
	return json.Marshal(struct {
		Topic    string          `json:"topic"`
		Source   uint32          `json:"source"`
		Sequence uint64          `json:"sequence"`
		AgeNs    time.Duration   `json:"age_ns"`
		Message  json.RawMessage `json:"message"`
	}{string(m.Topic()), m.Frame.Source(), m.Sequence, time.Duration(router.Now() - m.Published()), body})
}

// maxDepth is how deeply the objects of a payload may lie in each other. Some readers
// of JSON take no more than 256 levels, and there is one around the payload with --topics.
const maxDepth = 128

// body returns the payload as one JSON object without line ends. It may hold what is not
// UTF-8.
func (p *printer) body(m *router.Message) ([]byte, error) {
	switch m.Frame.Content() {
	case frame.ContentEvent:
		if v, err := event.Parse(m.Payload); err == nil {
			p.line = ecs.Append(p.line[:0], v)
			return p.line, nil
		}
	case frame.ContentJSON:
		p.compact.Reset()
		if json.Compact(&p.compact, m.Payload) != nil || display.Depth(p.compact.Bytes()) > maxDepth {
			break
		}
		if b := p.compact.Bytes(); b[0] == '{' {
			return b, nil
		}
		return json.Marshal(map[string]any{"topic": string(m.Topic()), "json": json.RawMessage(p.compact.Bytes())})
	}
	if utf8.Valid(m.Payload) {
		return json.Marshal(map[string]string{"topic": string(m.Topic()), "text": string(m.Payload)})
	}
	return json.Marshal(map[string]any{"topic": string(m.Topic()), "base64": m.Payload})
}
