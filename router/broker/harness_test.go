package broker_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The helpers that tests of clients use too.
var (
	serve      = brokertest.Serve
	serveUntil = brokertest.ServeUntil
	client     = brokertest.Client
	within     = brokertest.Within
	subscribe  = brokertest.Subscribe
	publisher  = brokertest.Publisher
	publish    = brokertest.Publish
	retain     = brokertest.Retain
	flush      = brokertest.Flush
	numbers    = brokertest.Numbers
	line       = brokertest.Line
	gapLine    = brokertest.GapLine
	read       = brokertest.Read
	echo       = brokertest.Echo
	respond    = brokertest.Respond
	ask        = brokertest.Ask
	stats      = brokertest.Stats
	statsOf    = brokertest.StatsOf
)

// sizeOf is the length of a frame without an extension.
func sizeOf(topic, payload string) int { return frame.HeaderSize + len(topic) + len(payload) }

func extension(t testing.TB, m frame.Meta) []byte {
	t.Helper()
	b, err := frame.AppendExtension(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ptr[T any](v T) *T { return &v }

// fewerUnderRace returns n, or few under the race detector. It is for a test of one
// goroutine, in which there is nothing for the detector to find, and which takes ten times
// as long with it.
func fewerUnderRace(n, few int) int {
	if raceEnabled {
		return few
	}
	return n
}
