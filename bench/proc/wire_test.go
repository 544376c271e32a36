package proc

import (
	"encoding/json"
	"testing"
)

// Older programs are started and spoken to like this (bench/compare).
func TestMessagesAreThoseThatOlderProgramsRead(t *testing.T) {
	if roleVariable != "DAEMONEYE_BENCH_ROLE" || fdOrders != 3 || fdReports != 4 {
		t.Errorf("the role stands in %s, orders come on %d, reports go to %d", roleVariable, fdOrders, fdReports)
	}
	for k, want := range map[kind]string{
		kindArgs:   `{"kind":"args","body":7}`,
		kindGo:     `{"kind":"go","body":7}`,
		kindReady:  `{"kind":"ready","body":7}`,
		kindResult: `{"kind":"result","body":7}`,
		kindError:  `{"kind":"error","body":7}`,
	} {
		m, err := newMessage(k, 7)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(m); err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}
