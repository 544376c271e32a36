package load_test

import (
	"context"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
)

// channel is the simplest system: a Go channel.
type channel chan []byte

func (c channel) Send(payload []byte) error { c <- append([]byte(nil), payload...); return nil }
func (c channel) Flush() error              { return nil }

// An open loop in one process: 1,000 messages a second for 50 ms, of which the last
// 40 ms are measured.
func Example() {
	span := load.NewSpan(0, 10*time.Millisecond, 40*time.Millisecond)
	receiver := load.NewReceiver(load.ReceiverOptions{Latency: true})
	receiver.Measure(span)

	messages := make(channel, 16)
	go func() { // ends with the last message
		for {
			receiver.Receive(<-messages)
			select {
			case <-receiver.Done():
				return
			default:
			}
		}
	}()
	sent, err := load.OpenLoop{Rate: 1000, Size: 128, Span: span}.Run(context.Background(), messages)
	if err != nil {
		fmt.Println(err)
		return
	}
	<-receiver.Done()
	received, _ := receiver.Result() // only an Acker can fail
	fmt.Println("sent", sent.Messages, "missing", received.Missing, "measured", received.Latency.Count())
	// Output: sent 51 missing 0 measured 40
}
