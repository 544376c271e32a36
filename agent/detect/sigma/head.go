package sigma

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// documentKind is a kind of document, with what it has to have.
type documentKind struct {
	name  string
	needs []string
	level bool
}

var (
	ruleKind   = documentKind{"rule", []string{"title", "logsource", "detection"}, true}
	filterKind = documentKind{"filter", []string{"title", "logsource"}, false}

	correlationKind = documentKind{"correlation", []string{"title"}, true}
)

// headKey is one key of a rule outside of its detection.
type headKey struct {
	name string
	read func(*parser, *yaml.Node, *Head)
}

var headKeys = []headKey{
	{"title", wordKey(func(r *Head) *string { return &r.Title })},
	{"id", readID},
	{"name", wordKey(func(r *Head) *string { return &r.Name })},
	{"status", readStatus},
	{"level", readLevel},
	{"logsource", readLogSource},
	{"related", readRelated},
	{"tags", readTags},
	{"references", listKey(func(r *Head) *[]string { return &r.References })},
	{"fields", listKey(func(r *Head) *[]string { return &r.Fields })},
	{"falsepositives", listKey(func(r *Head) *[]string { return &r.FalsePositives })},
	{"description", textKey(func(r *Head) *string { return &r.Description })},
	{"author", textKey(func(r *Head) *string { return &r.Author })},
	{"license", textKey(func(r *Head) *string { return &r.License })},
	{"date", textKey(func(r *Head) *string { return &r.Date })},
	{"modified", textKey(func(r *Head) *string { return &r.Modified })},
	{"detection", func(*parser, *yaml.Node, *Head) {}}, // come after the head
	{"filter", func(*parser, *yaml.Node, *Head) {}},
	{"correlation", func(*parser, *yaml.Node, *Head) {}},
	{"taxonomy", func(*parser, *yaml.Node, *Head) {}},
	{"examples", readExamples},
	{"scope", func(*parser, *yaml.Node, *Head) {}},
}

func textKey(at func(*Head) *string) func(*parser, *yaml.Node, *Head) {
	return func(p *parser, n *yaml.Node, h *Head) { *at(h) = p.text(n) }
}

func wordKey(at func(*Head) *string) func(*parser, *yaml.Node, *Head) {
	return func(p *parser, n *yaml.Node, h *Head) { *at(h) = p.word(n) }
}

// word reads a text that lists and answers have.
func (p *parser) word(n *yaml.Node) string {
	text := p.text(n)
	if len(text) > document.MaxWord {
		p.Over(n, fmt.Sprintf("a title, an id, a name or a log source has %d bytes, of at most %d", len(text), document.MaxWord))
		return ""
	}
	return text
}

// words reads a list of names of rules or fields.
func (p *parser) words(n *yaml.Node) []string {
	all := p.list(n)
	for _, text := range all {
		if len(text) > document.MaxWord {
			p.Over(n, fmt.Sprintf("the name of a rule or a field has %d bytes, of at most %d", len(text), document.MaxWord))
		}
	}
	return all
}

func listKey(at func(*Head) *[]string) func(*parser, *yaml.Node, *Head) {
	return func(p *parser, n *yaml.Node, h *Head) { *at(h) = p.list(n) }
}

// head reads all but the detection. A rule may have keys of its author's own.
func (p *parser) head(n *yaml.Node, entries []document.Entry, r *Head, kind documentKind) {
	there := map[string]bool{}
	var others []document.Entry
	for _, e := range entries {
		known := false
		for _, k := range headKeys {
			if k.name == e.Key.Value {
				k.read(p, e.Value, r)
				known, there[k.name] = true, true
			}
		}
		if !known {
			others = append(others, e)
		}
	}
	for _, key := range kind.needs {
		if there[key] {
			continue
		}
		near := ""
		for _, e := range others {
			if spelling.Nearest(e.Key.Value, []string{key}) != "" {
				near = key + " instead of " + e.Key.Value
			}
		}
		p.FailNear(n, document.ErrHead, "a "+kind.name+" has a "+key+", and this one has none", near)
	}
	if !there["level"] && kind.level {
		r.Level = LevelMedium
		p.Warn(n, document.ErrHead, "the "+kind.name+" has no level: it counts as medium")
	}
}

func (p *parser) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		p.Fail(n, document.ErrHead, "want a text, and here is a "+document.NodeKind(n))
		return ""
	}
	if document.IsNullNode(n) {
		return ""
	}
	return n.Value
}

func (p *parser) list(n *yaml.Node) (all []string) {
	if n.Kind == yaml.ScalarNode {
		if s := p.text(n); s != "" {
			return []string{s}
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		p.Fail(n, document.ErrHead, "want a list, and here is a "+document.NodeKind(n))
		return nil
	}
	for _, c := range n.Content {
		if c = p.Follow(c); c == nil || !p.items.Take(c, len(c.Value)) {
			return nil
		}
		all = append(all, p.text(c))
	}
	return all
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func readID(p *parser, n *yaml.Node, r *Head) {
	if r.ID = p.word(n); r.ID != "" && !uuid.MatchString(r.ID) {
		p.Warn(n, document.ErrHead, "id "+document.Shorten(r.ID)+" is no UUID")
	}
}

func readStatus(p *parser, n *yaml.Node, r *Head) {
	word := p.text(n)
	if r.Status = StatusByName(word); r.Status == StatusNone && word != "" {
		p.FailNear(n, document.ErrHead, "status "+document.Shorten(word)+" is not known", spelling.Nearest(word, statuses[1:]))
	}
}

func readLevel(p *parser, n *yaml.Node, r *Head) {
	word := p.text(n)
	if r.Level = LevelByName(word); r.Level == 0 || word == "" {
		p.FailNear(n, document.ErrHead, "level "+document.Shorten(word)+" is not known", spelling.Nearest(word, levels[1:]))
	}
}

func readTags(p *parser, n *yaml.Node, r *Head) {
	for _, tag := range p.list(n) {
		if len(r.Tags) == maxTags || len(tag) > maxTag {
			p.Fail(n, document.ErrLimit, fmt.Sprintf("more than %d tags, or one of more than %d bytes", maxTags, maxTag))
			return
		}
		r.Tags = append(r.Tags, strings.ToLower(tag))
	}
}

func readLogSource(p *parser, n *yaml.Node, r *Head) {
	if n.Kind != yaml.MappingNode {
		p.Fail(n, document.ErrHead, "a logsource is a map, and here is a "+document.NodeKind(n))
		return
	}
	entries, _ := p.Entries(n)
	for _, e := range entries {
		s := &r.LogSource
		switch e.Key.Value {
		case "category":
			s.Category = p.word(e.Value)
		case "product":
			s.Product = p.word(e.Value)
		case "service":
			s.Service = p.word(e.Value)
		case "definition":
			s.Definition = e.Value.Value
		default:
			if near := spelling.Nearest(e.Key.Value, []string{"category", "product", "service", "definition"}); near != "" {
				p.FailNear(e.Key, document.ErrHead, "key "+document.Shorten(e.Key.Value)+" is not known in a logsource", near)
			}
		}
	}
	if s := r.LogSource; s.Category == "" && s.Product == "" && s.Service == "" {
		p.Fail(n, document.ErrHead, "a logsource has a category, a product or a service, and this one has none")
	}
}

func readRelated(p *parser, n *yaml.Node, r *Head) {
	if document.IsNullNode(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.Fail(n, document.ErrHead, "related is a list, and here is a "+document.NodeKind(n))
		return
	}
	for _, c := range n.Content {
		if c = p.Follow(c); c == nil {
			return
		}
		if c.Kind != yaml.MappingNode {
			p.Fail(c, document.ErrHead, "an entry of related is a map with id and type")
			continue
		}
		var one Related
		entries, _ := p.Entries(c)
		for _, e := range entries {
			switch e.Key.Value {
			case "id":
				one.ID = e.Value.Value
			case "type":
				one.Type = e.Value.Value
			}
		}
		if one.ID == "" || one.Type == "" {
			p.Warn(c, document.ErrHead, "an entry of related has an id and a type")
		}
		r.Related = append(r.Related, one)
	}
}
