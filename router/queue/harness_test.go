package queue_test

import "github.com/daemoneye/eventbus/router/internal/brokertest"

// The helpers that tests of brokers use too.
var (
	within  = brokertest.Within
	numbers = brokertest.Numbers
	line    = brokertest.Line
)
