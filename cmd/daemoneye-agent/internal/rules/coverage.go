package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

func newRulesCoverage(p *cli.Program) *cobra.Command {
	var o ruleOptions
	c := &cobra.Command{
		Use: "coverage [PATH]...", Short: "show what rules cover, and what nobody collects for them",
		Long: `
Show which techniques of ATT&CK the rules that can match here are about, by tactic, how
many rules each log source has, and what others ask for that no collector supplies:
log sources and fields, each with the number of rules that are inactive because of it.

With --layer print a layer for the ATT&CK Navigator instead: each technique with the
number of rules as its score, and their titles.`,
		Example: `daemoneye-agent rules coverage --builtin /etc/daemoneye/rules
daemoneye-agent rules coverage --builtin --layer >layer.json`,
	}
	o.flags(c)
	layer := c.Flags().Bool("layer", false, "print a layer for the ATT&CK Navigator")
	name := c.Flags().String("name", "daemoneye", "`TEXT` that names the layer")
	c.RunE = func(_ *cobra.Command, args []string) error {
		r, err := o.load(args)
		if err != nil {
			return err
		}
		bad := problems(p, r, false)
		if *layer {
			err = p.JSON(layerOf(r, *name))
		} else {
			err = printCoverage(p, r)
		}
		if err == nil && bad > 0 {
			return cli.StatusError(cli.ExitFailed)
		}
		return err
	}
	return c
}

// tactics are those of ATT&CK for enterprises, as tags have them, in their order.
var tactics = []string{
	"reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation", "defense-evasion",
	"credential-access", "discovery", "lateral-movement", "collection", "command-and-control", "exfiltration", "impact",
}

// techniquesOf returns the titles of the rules that can match here, by technique. A rule
// that only a correlation counts is not one of them.
func techniquesOf(r *detect.Rules) map[string][]string {
	all := map[string][]string{}
	for _, d := range covering(r) {
		for _, tag := range d.head.Tags {
			if id, ok := technique(tag); ok {
				all[id] = append(all[id], d.head.Label())
			}
		}
	}
	return all
}

// covering are the rules and correlations that can raise an alert here.
func covering(r *detect.Rules) (all []document) {
	for _, d := range documentsOf(r) {
		silent := d.rule != nil && d.rule.Silent || d.correlation != nil && d.correlation.Silent
		if d.inactive == "" && !silent {
			all = append(all, d)
		}
	}
	return all
}

// technique returns the id that a tag names, such as T1059.004 of attack.t1059.004.
func technique(tag string) (string, bool) {
	id, ok := strings.CutPrefix(tag, "attack.t")
	if !ok || id == "" || strings.Trim(id, "0123456789.") != "" {
		return "", false
	}
	return "T" + id, true
}

// navigatorLayer is a file of the ATT&CK Navigator, in version 4.5 of its format.
type navigatorLayer struct {
	Name       string                `json:"name"`
	Versions   map[string]string     `json:"versions"`
	Domain     string                `json:"domain"`
	Desc       string                `json:"description"`
	Filters    map[string][]string   `json:"filters"`
	Techniques []navigatorTechnique  `json:"techniques"`
	Gradient   navigatorGradient     `json:"gradient"`
	Hide       bool                  `json:"hideDisabled"`
	Legend     []navigatorLegendItem `json:"legendItems"`
}

type navigatorTechnique struct {
	ID      string `json:"techniqueID"`
	Score   int    `json:"score"`
	Comment string `json:"comment"`
	Enabled bool   `json:"enabled"`
	Show    bool   `json:"showSubtechniques"`
}

type navigatorGradient struct {
	Colors []string `json:"colors"`
	Min    int      `json:"minValue"`
	Max    int      `json:"maxValue"`
}

type navigatorLegendItem struct {
	Label string `json:"label"`
	Color string `json:"color"`
}

// layerOf returns the layer of the rules that can match here.
func layerOf(r *detect.Rules, name string) *navigatorLayer {
	l := &navigatorLayer{
		Name: name, Domain: "enterprise-attack", Versions: map[string]string{"layer": "4.5", "navigator": "5.1.0"},
		Desc:       "Techniques that rules are about which can match on this host. The score is the number of rules.",
		Filters:    map[string][]string{"platforms": {"Linux", "Containers"}},
		Techniques: []navigatorTechnique{},
		Legend:     []navigatorLegendItem{},
	}
	all, most := techniquesOf(r), 1
	for _, id := range slices.Sorted(maps.Keys(all)) {
		most = max(most, len(all[id]))
		l.Techniques = append(l.Techniques, navigatorTechnique{ID: id, Score: len(all[id]), Comment: strings.Join(all[id], "\n"), Enabled: true, Show: strings.Contains(id, ".")})
	}
	l.Gradient = navigatorGradient{Colors: []string{"#cfe8d5", "#1e7b34"}, Min: 1, Max: most}
	return l
}

func printCoverage(p *cli.Program, r *detect.Rules) error {
	width := p.Out.Width()
	byTactic, techniques := map[string]int{}, map[string]map[string]bool{}
	for _, d := range covering(r) {
		for _, tag := range d.head.Tags {
			tactic := strings.ReplaceAll(strings.TrimPrefix(tag, "attack."), "_", "-")
			if !slices.Contains(tactics, tactic) {
				continue
			}
			byTactic[tactic]++
			if techniques[tactic] == nil {
				techniques[tactic] = map[string]bool{}
			}
			for _, other := range d.head.Tags {
				if id, ok := technique(other); ok {
					techniques[tactic][id] = true
				}
			}
		}
	}
	fmt.Fprintf(p.Out, "%s of ATT&CK\n\n", count(len(techniquesOf(r)), "technique"))
	t := display.Table{Wrap: true}
	t.Row("TACTIC", "RULES", "TECHNIQUES OF THESE RULES")
	for _, tactic := range tactics {
		t.Row(tactic, byTactic[tactic], len(techniques[tactic]))
	}
	if err := t.Write(p.Out, width); err != nil {
		return err
	}
	fmt.Fprintln(p.Out)
	s := display.Table{Wrap: true}
	s.Row("LOG SOURCE", "RULES", "SUPPLIED")
	active := map[string]int{}
	for _, x := range r.Engine.Active() {
		active[x.LogSource.Category]++
	}
	for _, name := range engine.Categories() {
		supplied := "yes"
		if !engine.Supplied(name) {
			supplied = "no collector makes such events"
		}
		s.Row(name, active[name], supplied)
	}
	if n := active[""]; n > 0 {
		s.Row("of any category", n, "yes")
	}
	if err := s.Write(p.Out, width); err != nil {
		return err
	}
	return printMissing(p, r, width)
}

// printMissing prints what inactive rules ask for.
func printMissing(p *cli.Program, r *detect.Rules, width int) error {
	missing := map[engine.Cause]map[string]int{}
	for _, i := range r.Engine.Inactive() {
		if i.Missing == "" {
			continue
		}
		if missing[i.Cause] == nil {
			missing[i.Cause] = map[string]int{}
		}
		missing[i.Cause][i.Missing]++
	}
	for _, x := range []struct {
		cause engine.Cause
		title string
	}{
		{engine.CauseSource, "LOG SOURCE THAT NOBODY COLLECTS"}, {engine.CauseField, "FIELD THAT NOBODY COLLECTS"}, {engine.CauseLogFile, "LOG OF A SERVICE, NOT COLLECTED"},
	} {
		if len(missing[x.cause]) == 0 {
			continue
		}
		t := display.Table{Wrap: true}
		t.Row(x.title, "INACTIVE RULES")
		for _, name := range slices.Sorted(maps.Keys(missing[x.cause])) {
			t.Row(name, missing[x.cause][name])
		}
		fmt.Fprintln(p.Out)
		if err := t.Write(p.Out, width); err != nil {
			return err
		}
	}
	var unfilled []string
	for table := event.TableProcess; table <= event.TablePerformance; table++ {
		unfilled = append(unfilled, engine.Unfilled(table)...)
	}
	if len(unfilled) > 0 {
		fmt.Fprintln(p.Out)
		p.Line("Fields that only collectors of others may fill: %s", strings.Join(unfilled, ", "))
	}
	return nil
}
