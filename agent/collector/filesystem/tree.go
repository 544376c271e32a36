package filesystem

import (
	"fmt"
	"path"
	"strings"
)

// trees are the files that are watched.
//
// Immutable, and so safe for concurrent use.
type trees struct {
	all         []tree
	executables []tree // of these only programs count
	exclude     []tree
}

// tree is a path and everything below it. A segment may have wildcards, as in
// /home/*/.ssh.
type tree []string

// verdict is what a path is to the trees.
type verdict uint8

const (
	outside  verdict = iota
	leading          // a directory in which the top of a tree may come to be
	programs         // of what is there only programs count
	inside
)

// parseTrees reads patterns. Each has to be an absolute path without . and .. in it.
func parseTrees(patterns []string) (all []tree, err error) {
	for _, p := range patterns {
		if !strings.HasPrefix(p, "/") || path.Clean(p) != p {
			return nil, fmt.Errorf("path %q: want an absolute path, without / at its end", p)
		}
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("path %q: %w", p, err)
		}
		all = append(all, tree(segments(p)))
	}
	return all, nil
}

func segments(p string) []string {
	p = strings.Trim(p, "/")
	if p == "" {
		return nil
	}
	return strings.Split(p, "/")
}

// judge returns what a path is.
func (t *trees) judge(p string) verdict {
	s := segments(p)
	if below(t.exclude, s) {
		return outside
	}
	switch {
	case below(t.all, s):
		return inside
	case below(t.executables, s):
		return programs
	case above(t.all, s), above(t.executables, s):
		return leading
	}
	return outside
}

// below reports whether a path is in one of the trees, its top included.
func below(all []tree, s []string) bool {
	for _, t := range all {
		if len(s) >= len(t) && t.matches(s[:len(t)]) {
			return true
		}
	}
	return false
}

// above reports whether a path leads to one of the trees.
func above(all []tree, s []string) bool {
	for _, t := range all {
		if len(s) < len(t) && t[:len(s)].matches(s) {
			return true
		}
	}
	return false
}

// matches reports whether each segment matches that of the tree.
func (t tree) matches(s []string) bool {
	for i, pattern := range t {
		if pattern == s[i] {
			continue
		}
		if ok, err := path.Match(pattern, s[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// roots returns the longest paths without wildcards that have all trees below them.
func (t *trees) roots() (roots []string) {
	for _, of := range [][]tree{t.all, t.executables} {
		for _, x := range of {
			n := 0
			for n < len(x) && !strings.ContainsAny(x[n], `*?[\`) {
				n++
			}
			roots = append(roots, "/"+strings.Join(x[:n], "/"))
		}
	}
	return roots
}

// parent returns the directory that a path is in.
func parent(p string) string { return path.Dir(p) }
