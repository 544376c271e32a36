package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/daemoneye/eventbus/bench/proc"
)

// side is one of the two commits.
type side struct {
	name    string       // "base", "head"
	commit  string       // as git describes it
	program proc.Program // the test program of package bench
	roles   proc.Program // what plays the parts of a system
}

// build makes the programs of both sides, below dir.
func build(ctx context.Context, dir, ref string) (base, head side, err error) {
	root, err := git(ctx, nil, "rev-parse", "--show-toplevel")
	if err != nil {
		return base, head, err
	}
	commit, err := git(ctx, nil, "rev-parse", "--verify", ref+"^{commit}")
	if err != nil {
		return base, head, err
	}
	tree := filepath.Join(dir, "tree")
	if err := checkOut(ctx, commit, tree, filepath.Join(dir, "index")); err != nil {
		return base, head, err
	}
	if base, err = compile(ctx, "base", tree, dir); err != nil {
		return base, head, err
	}
	if head, err = compile(ctx, "head", root, dir); err != nil {
		return base, head, err
	}
	if base.commit, err = git(ctx, nil, "describe", "--tags", "--always", commit); err != nil {
		return base, head, err
	}
	head.commit, err = git(ctx, nil, "describe", "--tags", "--always", "--dirty")
	return base, head, err
}

// checkOut writes the files of a commit into tree, with an index of its own. A work
// tree of git would stay in the repository's list when this process is killed.
func checkOut(ctx context.Context, commit, tree, index string) error {
	env := []string{"GIT_INDEX_FILE=" + index}
	if _, err := git(ctx, env, "read-tree", commit); err != nil {
		return err
	}
	_, err := git(ctx, env, "checkout-index", "--all", "--prefix="+tree+string(filepath.Separator))
	return err
}

// compile builds the programs of a tree. Commits before bench/roles have all parts in the
// test program.
func compile(ctx context.Context, name, tree, dir string) (side, error) {
	s := side{name: name, program: proc.Program(filepath.Join(dir, name+".test"))}
	if err := goTool(ctx, tree, "test", "-c", "-o", string(s.program), "./bench"); err != nil {
		return s, fmt.Errorf("build %s: %w", name, err)
	}
	s.roles = s.program
	if _, err := os.Stat(filepath.Join(tree, "bench", "roles")); err != nil {
		return s, nil
	}
	s.roles = proc.Program(filepath.Join(dir, name+".roles"))
	if err := goTool(ctx, tree, "build", "-o", string(s.roles), "./bench/roles"); err != nil {
		return s, fmt.Errorf("build the roles of %s: %w", name, err)
	}
	return s, nil
}

// goTool runs the go command in a tree.
func goTool(ctx context.Context, tree string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// git returns what a command of git prints.
func git(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
