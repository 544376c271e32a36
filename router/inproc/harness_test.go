package inproc_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
	read       = brokertest.Read
	echo       = brokertest.Echo
	respond    = brokertest.Respond
	ask        = brokertest.Ask
	stats      = brokertest.Stats
)
