package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// mostBytes is what the program may have, as "make build" makes it for amd64.
//
// Code counts almost twice, because of the tables for traces of the stack. A type more for
// slices.SortFunc is 20 to 40 KB, so that sort.Slice sorts structs where nobody waits for
// it. text/template, and whatever else finds methods by name, keeps the linker from leaving
// out methods that nobody calls.
const mostBytes = 16_000_000

func TestTheProgramIsSmallAndStatic(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip(err)
	}
	t.Parallel() // with others, because it waits for the compiler
	path := filepath.Join(t.TempDir(), "daemoneye-agent")
	cmd := exec.CommandContext(t.Context(), "make", "-s", "-C", filepath.Join("..", ".."), "build", "BIN="+path)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "MAKEFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > mostBytes {
		t.Errorf("the program has %d bytes, more than %d", info.Size(), mostBytes)
	}
	t.Logf("%d bytes", info.Size())
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the program needs a dynamic linker")
	}
}
