package store_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// soaking runs the long forms of the tests.
var soaking = os.Getenv("STORE_SOAK") != ""

// crashEnv has the test binary be a process that raises alerts until it is killed.
const crashEnv = "STORE_CRASH_DIR"

// crashChild raises alerts, and acknowledges every third. It prints each when it was
// promised: a line "raised ID TITLE" or "acked ID".
func crashChild() {
	out := bufio.NewWriter(os.Stdout)
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, format+"\n", args...)
		out.Flush()
	}
	ids := make(chan alert.ID, 1<<16)
	s, err := store.Open(context.Background(), store.Options{
		Dir: os.Getenv(crashEnv), SegmentBytes: 30_000, Log: discard, Patience: guard, Limits: store.Limits{Burst: -1, MaxBytes: 1 << 30},
		OnRaised: func(r alert.Record) {
			say("raised %s %s", r.Alert.ID, r.Alert.Rule.Title)
			ids <- r.Alert.ID
		},
	})
	if err != nil {
		say("error %v", err)
		os.Exit(1)
	}
	go func() { // ends with the process
		for n := 0; ; n++ {
			if id := <-ids; n%3 == 0 && s.Ack(context.Background(), id, "x", "") == nil {
				say("acked %s", id)
			}
		}
	}()
	for n := 0; ; n++ {
		s.Submit(sample(fmt.Sprintf("%d-%d", os.Getpid(), n), fmt.Sprint("key ", n)))
		if n%20 == 19 { // several at a time, so that they go together
			time.Sleep(time.Millisecond)
		}
	}
}

// TestAKillLosesNoAlertThatWasRaised kills a process at a random moment, again and again in
// the same directory. STORE_SOAK does it 200 times.
func TestAKillLosesNoAlertThatWasRaised(t *testing.T) {
	rounds := 8
	if soaking {
		rounds = 200
	}
	dir := filepath.Join(t.TempDir(), "data")
	raised, acked := map[string]string{}, map[string]bool{}
	for range rounds {
		crashRound(t, dir, raised, acked)
		if t.Failed() {
			return
		}
	}
	s, err := store.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, w := range s.Warnings {
		t.Errorf("a kill leaves: %s", w)
	}
	checkRaised(t, s.Query, raised, acked)
	// What opens it next finds the same, by the index.
	f := open(t, store.Options{Dir: dir, Limits: store.Limits{MaxBytes: 1 << 30}})
	checkRaised(t, f.Query, raised, acked)
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	t.Logf("%d alerts over %d kills, %d acknowledged; an unfinished line of %d bytes at last", len(raised), rounds, len(acked), f.Stats().Cut)
}

// crashRound runs a process, kills it, and adds what it promised.
func crashRound(t *testing.T, dir string, raised map[string]string, acked map[string]bool) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), crashEnv+"="+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	enough := rand.IntN(400) + 1
	for n := 0; n < enough && lines.Scan(); n++ {
		promise(t, lines.Text(), raised, acked)
	}
	if err := c.Process.Kill(); err != nil {
		t.Error(err)
	}
	before := ""
	for lines.Scan() { // what it printed before it died; the last line may not be whole
		if before != "" {
			promise(t, before, raised, acked)
		}
		before = lines.Text()
	}
	_ = c.Wait() // it was killed
}

func promise(t *testing.T, line string, raised map[string]string, acked map[string]bool) {
	t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "raised":
		id, title, _ := strings.Cut(rest, " ")
		raised[id] = title
	case "acked":
		acked[rest] = true
	default:
		t.Errorf("the process says %q", line)
	}
}

func checkRaised(t *testing.T, query func(store.Filter) ([]*alert.Alert, bool, error), raised map[string]string, acked map[string]bool) {
	t.Helper()
	all, more, err := query(store.Filter{Limit: 1 << 30})
	if err != nil || more {
		t.Fatal(more, err)
	}
	got := map[string]*alert.Alert{}
	for _, a := range all {
		if got[a.ID.String()] != nil {
			t.Errorf("%s is there twice", a.ID)
		}
		got[a.ID.String()] = a
	}
	for id, title := range raised {
		a := got[id]
		if a == nil {
			t.Errorf("alert %s, %s, was raised and is lost", id, title)
			continue
		}
		if !json.Valid(a.Event) || a.Rule.Title != title || !strings.Contains(string(a.Event), title) {
			t.Errorf("alert %s has %s, %s", id, a.Rule.Title, a.Event)
		}
		if acked[id] && a.Status != alert.Acknowledged {
			t.Errorf("alert %s was acknowledged, and is %s", id, a.Status)
		}
	}
}
