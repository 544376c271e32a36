package reader

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// TestAFileThatVanishesWhileItIsRead has conf.d listed again: it may only have got
// another name. One that vanishes each time is a mistake.
func TestAFileThatVanishesWhileItIsRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("config.yaml", "")
	write("conf.d/a.yaml", "words: [two]")
	type list struct {
		Words []string `yaml:"words" default:"one" of:"one,two" change:"live" help:"a list"`
	}
	keys := NewTable(reflect.TypeFor[list]())
	load := func(before func(path string)) (*list, error) {
		x := new(list)
		l := newLoader(keys, x)
		l.read = func(path string) ([]byte, error) {
			before(path)
			return readFile(path)
		}
		l.run(Sources{File: dir + "/config.yaml"})
		return x, l.Err()
	}
	vanish := func(from, to string) func(string) {
		return func(path string) {
			if filepath.Base(path) == from {
				_ = os.Rename(dir+"/conf.d/"+from, dir+"/conf.d/"+to)
			}
		}
	}
	s, err := load(vanish("a.yaml", "b.yaml"))
	if err != nil || !slices.Equal(s.Words, []string{"two"}) {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = load(vanish("b.yaml", "gone"))
	if err != nil || !slices.Equal(s.Words, []string{"one"}) {
		t.Errorf("a file that is removed: %+v, %v", s, err)
	}
	write("conf.d/a.yaml", "")
	_, err = load(func(path string) {
		vanish("a.yaml", "b.yaml")(path)
		vanish("b.yaml", "a.yaml")(path)
	})
	if !errors.Is(err, ErrFile) {
		t.Errorf("one that moves all the time: %v", err)
	}
}
