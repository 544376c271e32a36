package event_test

import (
	"fmt"

	"github.com/daemoneye/eventbus/agent/event"
)

// A collector encodes where its events come from and who acted once, and builds
// many events from that, into one buffer that it uses again. A subscriber finds
// its fields once, and reads them in place.
func Example() {
	host := event.Origin{Host: "web-1", Collector: "network"}
	curl := event.Actor{Executable: "/usr/bin/curl", CommandLine: "curl\x00-s\x00example.org\x00"}
	from, who := host.Encode(), curl.Encode()

	var buf []byte
	buf = event.Append(buf[:0], &event.Header{Operation: event.OpConnect, PID: 4711}, from, who,
		&event.Connection{Destination: event.Endpoint{Address: "192.0.2.7", Port: 443}})

	image := event.MustField(event.TableNetwork, "Image") // or process.executable
	port := event.MustField(event.TableNetwork, "DestinationPort")

	v, err := event.Parse(buf)
	if err != nil {
		fmt.Println(err)
		return
	}
	n, _ := v.Uint(port)
	fmt.Printf("%s %s: %s to port %d\n", v.Type(), v.Operation(), v.Text(image), n)
	// Output: network connect: /usr/bin/curl to port 443
}
