package live

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

// How long changes of files are waited for. An editor makes several at once, and a copy of
// a folder goes on for a while.
const (
	quietFor  = 300 * time.Millisecond // without a change
	changeFor = 3 * time.Second        // since the first one, at most
	retryWait = 10 * time.Second       // until a watch that failed is tried again
)

// watcher notices that files of rules change.
type watcher struct {
	paths   func() []string // what is watched; empty for nothing
	changed func()
	log     *slog.Logger
}

// run calls changed after changes, until ctx ends, and once at the beginning: the watch
// begins before changed reads the files, so that no change is missed. again has it look
// at the paths anew. What cannot be watched is tried again, after one line in the log, and
// changed is called each time.
func (w *watcher) run(ctx context.Context, again <-chan struct{}) {
	warned := false
	for ctx.Err() == nil {
		err := w.watch(ctx, again)
		if err == nil {
			warned = false
			continue
		}
		if !warned {
			warned = true
			w.log.Warn("files of rules are not watched, and read at intervals", "interval", retryWait, "err", err)
		}
		w.changed()
		select {
		case <-ctx.Done():
		case <-again:
		case <-time.After(retryWait):
		}
	}
}

// watch watches until something has changed, again or ctx.
func (w *watcher) watch(ctx context.Context, again <-chan struct{}) error {
	paths := w.paths()
	if len(paths) == 0 {
		select {
		case <-ctx.Done():
		case <-again:
		}
		return nil
	}
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer n.Close()
	places := places{}
	for _, path := range paths {
		places.add(path)
	}
	for dir := range places {
		// One that went meanwhile the one above has noticed, and of one that we may not read
		// it notices when that changes.
		if err := n.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	w.changed()
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	var first time.Time // change that is waited out
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
			return nil
		case <-quiet.C:
			return nil
		case err := <-n.Errors:
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				return nil // there were more changes than the kernel keeps: look at all of it again
			}
			return err
		case e := <-n.Events:
			if !places.concern(e.Name) {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			quiet.Reset(min(quietFor, max(changeFor-time.Since(first), 0)))
		}
	}
}

// places are the folders to watch, and in each the names that matter; nil are all.
type places map[string]map[string]bool

// add adds what has to be watched for a path of rules: the folder and those below it, and
// of each folder above it the name that leads to it, because it may be replaced. Where the
// path is not there, the nearest folder above it is what is left.
func (p places) add(path string) {
	for name := filepath.Clean(path); ; {
		dir := filepath.Dir(name)
		p.name(dir, filepath.Base(name))
		if name = dir; name == filepath.Dir(name) {
			break
		}
	}
	var seen sigma.Folders
	for x := range seen.Places(path) {
		if x.Folder {
			p[real(x.Path)] = nil
		}
		if x.Link || x.Path == path {
			p.target(x.Path)
		}
	}
}

// real returns the path of a folder without links: what the kernel watches it by.
func real(dir string) string {
	if name, err := filepath.EvalSymlinks(dir); err == nil {
		return name
	}
	return dir
}

// target adds where the links of a path lead to, each of them, because each may change.
func (p places) target(path string) {
	const most = 16 // the kernel follows 40
	for range most {
		next, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(real(filepath.Dir(path)), next)
		}
		path = filepath.Clean(next)
		p.name(filepath.Dir(path), filepath.Base(path))
	}
}

// name adds a name that matters in a folder.
func (p places) name(dir, base string) {
	dir = real(dir)
	names, ok := p[dir]
	if ok && names == nil {
		return // all matter
	}
	if !ok {
		names = map[string]bool{}
		p[dir] = names
	}
	names[base] = true
}

// concern reports whether a change of that name may be one of rules. Of what is hidden
// only that is which Kubernetes exchanges a folder's content with.
func (p places) concern(name string) bool {
	if names, ok := p[name]; ok && names == nil {
		return true // a folder of rules itself
	}
	dir, base := filepath.Split(name)
	names, ok := p[filepath.Clean(dir)]
	switch {
	case !ok:
		return false
	case names != nil:
		return names[base]
	case strings.HasPrefix(base, "."):
		return base == "..data"
	}
	if sigma.IsRuleFile(base) || filepath.Ext(base) == "" {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
