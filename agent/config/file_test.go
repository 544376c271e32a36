package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/config/reader"
)

// folder makes files in a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// failer is a test of either kind.
type failer interface{ Fatal(...any) }

func write(t failer, path, text string) {
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	tests := []struct {
		name   string
		make   func(t *testing.T, dir string)
		reason error
		want   string
	}{
		{"a file that is not there", func(t *testing.T, dir string) {}, config.ErrFile, "/config.yaml: no such file or directory"},
		{"a folder", func(t *testing.T, dir string) { write(t, dir+"/config.yaml/x", "") }, config.ErrFile, "/config.yaml: want a regular file"},
		{"a pipe without a writer", func(t *testing.T, dir string) {
			if err := unix.Mkfifo(dir+"/config.yaml", 0o600); err != nil {
				t.Skip(err)
			}
		}, config.ErrFile, "/config.yaml: want a regular file"},
		{"a device without an end", func(t *testing.T, dir string) {
			if err := os.Symlink("/dev/zero", dir+"/config.yaml"); err != nil {
				t.Fatal(err)
			}
		}, config.ErrFile, "/config.yaml: want a regular file"},
		{"a link around itself", func(t *testing.T, dir string) {
			if err := os.Symlink("config.yaml", dir+"/config.yaml"); err != nil {
				t.Fatal(err)
			}
		}, config.ErrFile, "/config.yaml: too many levels of symbolic links"},
		{"a huge file", func(t *testing.T, dir string) { write(t, dir+"/config.yaml", strings.Repeat("#", 10<<20)) }, config.ErrTooLarge,
			"/config.yaml: file is too large: it has more than 1048576 bytes"},
		{"a file of conf.d that is a folder", func(t *testing.T, dir string) {
			write(t, dir+"/config.yaml", "")
			write(t, dir+"/conf.d/a.yaml/x", "")
		}, config.ErrFile, "/conf.d/a.yaml: want a regular file"},
		{"a conf.d that is a file", func(t *testing.T, dir string) {
			write(t, dir+"/config.yaml", "")
			write(t, dir+"/conf.d", "")
		}, config.ErrFile, "/conf.d: not a directory"},
		{"files that are too many", func(t *testing.T, dir string) {
			write(t, dir+"/config.yaml", "")
			for i := range reader.MaxFiles + 1 {
				write(t, fmt.Sprintf("%s/conf.d/%04d.yaml", dir, i), "")
			}
		}, config.ErrTooLarge, "/conf.d/0256.yaml: file is too large: there are more than 256 files before it"},
		{"files that together are too large", func(t *testing.T, dir string) {
			write(t, dir+"/config.yaml", "")
			for i := range 5 {
				write(t, fmt.Sprintf("%s/conf.d/%d.yaml", dir, i), strings.Repeat("#", reader.MaxFile))
			}
		}, config.ErrTooLarge, "/conf.d/4.yaml: file is too large: with those before it there are more than 4194304 bytes"},
		{"a link to nowhere in conf.d", func(t *testing.T, dir string) {
			write(t, dir+"/config.yaml", "")
			write(t, dir+"/conf.d/b.yaml", "")
			if err := os.Symlink("nowhere", dir+"/conf.d/a.yaml"); err != nil {
				t.Fatal(err)
			}
		}, config.ErrFile, "/conf.d/a.yaml: no such file or directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.make(t, dir)
			_, err := config.Load(config.Sources{File: dir + "/config.yaml"})
			if err == nil || err.Error() != dir+tt.want || !errors.Is(err, tt.reason) {
				t.Errorf("%v, want %s%s", err, dir, tt.want)
			}
		})
	}
}

// TestAFileThatMayNotBeRead is a mistake also where it may be missing: it is there.
func TestAFileThatMayNotBeRead(t *testing.T) {
	dir := folder(t, map[string]string{"config.yaml": ""})
	if err := os.Chmod(dir+"/config.yaml", 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(dir + "/config.yaml"); err == nil {
		f.Close()
		t.Skip("this user may read every file")
	}
	if _, err := config.Load(config.Sources{File: dir + "/config.yaml", Optional: true}); !errors.Is(err, config.ErrFile) {
		t.Errorf("%v", err)
	}
}

// TestAFolderThatMayNotBeEntered is that of another user, so that it counts as
// missing where the file may be, with a warning.
func TestAFolderThatMayNotBeEntered(t *testing.T) {
	dir := folder(t, map[string]string{"closed/config.yaml": "log: {level: warn}"})
	if err := os.Chmod(dir+"/closed", 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir+"/closed", 0o700) })
	if _, err := os.Stat(dir + "/closed/config.yaml"); err == nil {
		t.Skip("this user may enter every folder")
	}
	path := dir + "/closed/config.yaml"
	l, err := config.Load(config.Sources{File: path, Optional: true})
	if err != nil || !slices.Equal(l.Warnings, []string{path + ": not looked at: permission denied"}) {
		t.Errorf("%q, %v", l.Warnings, err)
	}
	if _, err := config.Load(config.Sources{File: path}); !errors.Is(err, config.ErrFile) {
		t.Errorf("where it is named: %v", err)
	}
}

func TestTheDefaultFileMayBeMissingAndConfDNot(t *testing.T) {
	dir := folder(t, map[string]string{"conf.d/a.yaml": "log: {level: warn}"})
	l, err := config.Load(config.Sources{File: dir + "/config.yaml", Optional: true})
	if err != nil || l.Config.Log.Level != "warn" {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err = config.Load(config.Sources{File: dir + "/no/config.yaml", Optional: true}); err != nil {
		t.Error(err)
	}
}
