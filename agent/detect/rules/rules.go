// Package rules holds the detection rules that come with the agent: one file a tactic
// of ATT&CK, each rule with examples of events that it has to match and of events that
// it must not. They are ours, and written for what the agent's own collectors see.
//
// A rule that is noisy on a host is not changed here: a filter document leaves out what
// is known.
package rules

import (
	"embed"
	"io/fs"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

//go:embed *.yml
var files embed.FS

// AddTo adds the rules to a set. The names of files begin with "built in:".
func AddTo(s *sigma.Set) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		s.Add("built in:"+name, text, sigma.Options{})
		return nil
	})
}
