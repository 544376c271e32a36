package outputtest

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
)

// Items returns n alerts from a number on, as a sink gets them: each one's sequence number is one more.
func Items(t testing.TB, from, n int) (all []output.Item) {
	t.Helper()
	for i := from; i < from+n; i++ {
		a := Alert(i, alert.High)
		body, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, output.Item{Kind: output.KindAlert, ID: strconv.Itoa(i), Seq: uint64(i) + 1, Topic: "alerts.high", Level: alert.High, Time: a.Raised, Body: body})
	}
	return all
}
