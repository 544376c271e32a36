package webhook

import (
	"regexp"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output/format"
)

// Here are the forms of receivers that people read. What a host has is escaped, so that it
// is neither a link nor a call for somebody.

type object = map[string]any

// colours go with the levels, as numbers of six hex digits.
var colours = map[alert.Level]int{
	alert.Informational: 0x8a8f98, alert.Low: 0x2f81f7, alert.Medium: 0xd4a72c, alert.High: 0xe16f24, alert.Critical: 0xcf222e,
}

// fact is a part of a summary with its name.
type fact struct{ name, value string }

func facts(s *format.Summary) (all []fact) {
	for _, f := range []fact{
		{"Level", s.Level.String()}, {"Host", s.Host}, {"Command", s.Command}, {"Process", s.Process}, {"User", s.User}, {"Rule", s.RuleID},
		{"Tags", strings.Join(s.Tags, " ")}, {"Alert", s.AlertID},
	} {
		// Discord refuses a message with a value of blanks only, and a command line may be one.
		if strings.TrimSpace(f.value) != "" {
			all = append(all, fact{f.name, format.Line(format.Cut(f.value, 1000))})
		}
	}
	return all
}

var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "](", "]\u200b(")

// callAll is a call for everybody, as Mattermost and Rocket.Chat take it from plain text.
var callAll = regexp.MustCompile(`(?i)@(all|channel|here|everyone)\b`)

// slackText escapes a text for Slack, and for the others that take its messages: they also
// read Markdown, and calls. An invisible character keeps these apart.
func slackText(text string) string {
	return callAll.ReplaceAllString(slackEscapes.Replace(text), "@\u200b$1")
}

// headline is the first line of a message.
func headline(s *format.Summary, most int) string { return format.Line(format.Cut(s.Headline(), most)) }

func slack(s *format.Summary) any {
	var fields []object
	for _, f := range facts(s) {
		fields = append(fields, object{"title": f.name, "value": slackText(f.value), "short": len(f.value) < 40})
	}
	title := slackText(headline(s, 250))
	return object{
		"text": s.Level.String() + ": " + title,
		"attachments": []object{{
			"color": web(colours[s.Level]), "title": title, "fallback": title, "text": slackText(format.Cut(s.Description, 1000)),
			"fields": fields, "footer": "daemoneye", "ts": s.Time.Unix(),
		}},
	}
}

// web writes a colour as #rrggbb.
func web(colour int) string {
	const digits = "0123456789abcdef"
	b := []byte("#000000")
	for i := 6; i > 0; i-- {
		b[i], colour = digits[colour&15], colour>>4
	}
	return string(b)
}

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "*", `\*`, "_", `\_`, "`", "\\`")

func teams(s *format.Summary) any {
	var list []object
	for _, f := range facts(s) {
		list = append(list, object{"title": f.name, "value": markdownEscapes.Replace(f.value)})
	}
	card := []object{{"type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true, "text": markdownEscapes.Replace(headline(s, 250))}}
	if s.Description != "" {
		card = append(card, object{"type": "TextBlock", "wrap": true, "text": markdownEscapes.Replace(format.Cut(s.Description, 1000))})
	}
	card = append(card, object{"type": "FactSet", "facts": list})
	return object{"type": "message", "attachments": []object{{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content":     object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": card},
	}}}
}

// maxDiscord is how many characters Discord takes of all texts of a message.
const maxDiscord = 6000

func discord(s *format.Summary) any {
	title := markdownEscapes.Replace(headline(s, 120))
	var fields []object
	left := maxDiscord - len(title)
	for _, f := range facts(s) {
		value := markdownEscapes.Replace(format.Cut(f.value, 500))
		if left -= len(f.name) + len(value); left < 0 {
			break
		}
		fields = append(fields, object{"name": f.name, "value": value, "inline": len(f.value) < 40})
	}
	return object{
		"embeds": []object{{
			"title": title, "description": markdownEscapes.Replace(format.Cut(s.Description, min(1000, left/2))), "color": colours[s.Level],
			"fields": fields, "timestamp": s.Time.UTC().Format(time.RFC3339),
		}},
		"allowed_mentions": object{"parse": []string{}},
	}
}
