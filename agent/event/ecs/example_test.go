package ecs_test

import (
	"fmt"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// A foreign event is converted once, and read as any other. What no table has is
// kept.
func ExampleConvert() {
	doc := []byte(`{"event": {"category": ["network"], "action": "query"}, "Image": "/usr/bin/dig",
		"dns": {"question": {"name": "example.org"}}, "resolver": {"cache": "miss"}}`)
	b, err := ecs.Convert(nil, doc, ecs.Foreign{Header: event.Header{Sequence: 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := event.Parse(b)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s asks for %s\n", v.Text(event.MustField(v.Table(), "Image")), v.Text(event.MustField(v.Table(), "QueryName")))
	for name, value := range v.Extra() {
		fmt.Printf("%s: %s\n", name, value)
	}
	// Output:
	// /usr/bin/dig asks for example.org
	// resolver.cache: miss
}
