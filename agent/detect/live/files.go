package live

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

// ruleFile is a file with rules.
type ruleFile struct {
	path string
	text []byte
	err  error // it cannot be read
}

// maxRuleFiles bounds how many files are read, and maxRuleBytes their size together.
const (
	maxRuleFiles = 20_000
	maxRuleBytes = 64 << 20
)

var errTooMany = errors.New("it is left out: there are too many files of rules")

// readFiles reads the files that the paths name, and those below the folders that they
// name whose names end in .yml or .yaml, in the order of their names. Names that begin
// with a dot are left out: editors write there first. There is an entry with an error for
// each path that cannot be read; with optional, not for one that is not there.
func readFiles(paths []string, optional bool) (all []ruleFile) {
	bytes := 0
	add := func(name string, err error) {
		f := ruleFile{path: name, err: err}
		if err == nil && (len(all) >= maxRuleFiles || bytes >= maxRuleBytes) {
			f.err = errTooMany
		} else if err == nil {
			f.text, f.err = sigma.ReadFile(name)
			bytes += len(f.text)
		}
		all = append(all, f)
	}
	for _, path := range paths {
		root, err := filepath.EvalSymlinks(path)
		if optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			add(path, err)
			continue
		}
		_ = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error { // the function returns no error but to skip
			shown := filepath.Join(path, strings.TrimPrefix(name, root))
			hidden := name != root && strings.HasPrefix(d.Name(), ".")
			switch {
			case errors.Is(err, fs.ErrNotExist): // it was removed meanwhile
			case err != nil:
				add(shown, err)
			case d.IsDir() && hidden:
				return fs.SkipDir
			case d.IsDir() || hidden || name != root && !sigma.IsRuleFile(name):
			default:
				add(shown, nil)
			}
			return nil
		})
	}
	return all
}
