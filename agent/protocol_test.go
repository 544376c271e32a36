package agent_test

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// example is a block of JSON in PROTOCOL.md. How is what stands behind the word json.
type example struct{ how, topic, text string }

var exampleBlock = regexp.MustCompile("(?ms)^```json (\\w+) ?(\\S*)\n(.*?)\n```$")

func examples(t *testing.T) (all []example) {
	t.Helper()
	text, err := os.ReadFile("control/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range exampleBlock.FindAllStringSubmatch(string(text), -1) {
		all = append(all, example{m[1], m[2], m[3]})
	}
	if n := strings.Count(string(text), "```json"); n != len(all) {
		t.Fatalf("%d of %d examples can be read", len(all), n)
	}
	return all
}

// TestTheExamplesOfTheProtocol sends each request of PROTOCOL.md to an agent, in their
// order, and compares the answer. Times, pids and the deadlines of the requests may differ.
func TestTheExamplesOfTheProtocol(t *testing.T) {
	r := start(t, agent.Options{Configured: func(*config.Config) ([]manager.Spec, error) {
		return []manager.Spec{
			{Config: control.ChildConfig{Collector: "demo"}},
			{Config: control.ChildConfig{Collector: "gpu"}, External: &manager.External{UID: os.Getuid()}},
		}, nil
	}})
	operator := r.dial(ipc.ClientOptions{})
	gpu := r.dial(ipc.ClientOptions{Name: "gpu", Role: control.CollectorRole})
	heartbeats := subscribe(t, operator, router.Subscription{Patterns: []string{control.HeartbeatTopic("+")}})
	all := examples(t)
	for i := 0; i < len(all); i++ {
		x := all[i]
		t.Run(x.how+" "+firstKey(x.text), func(t *testing.T) {
			switch x.how {
			case "request":
				i++
				client := operator
				if x.topic == control.RegistrationTarget {
					client = gpu
				}
				if all[i].how != "answer" {
					t.Fatalf("it has no answer")
				}
				reply, err := client.Request(t.Context(), x.topic, timely(x.text))
				if err != nil {
					t.Fatal(err)
				}
				compareJSON(t, all[i].text, string(reply.Payload))
			case "publish":
				if err := gpu.Publish(t.Context(), router.Outgoing{Topic: x.topic, Payload: []byte(x.text), Content: frame.ContentJSON}); err != nil {
					t.Fatal(err)
				}
				await(t, heartbeats, "the heartbeat", func(m *router.Message) bool { return string(m.Payload) == x.text })
				parse[control.Heartbeat](t, []byte(x.text)) // what the agent reads of it, and no more
			case "ask":
				i++
				answerAsGPU(t, gpu, operator, x, all[i])
			default:
				t.Fatalf("what is %q?", x.how)
			}
		})
	}
}

// answerAsGPU has the operator ask for the operation of x, and answers the agent as gpu.
func answerAsGPU(t *testing.T, gpu, operator router.Bus, x, answer example) {
	asked := make(chan control.Request, 1)
	responder, err := gpu.Respond(t.Context(), x.topic, func(_ context.Context, r *router.Request) ([]byte, error) {
		q, err := control.DecodeRequest(r.Payload)
		if err != nil {
			return nil, err
		}
		compareJSON(t, x.text, strings.Replace(string(r.Payload), q.ID, parse[control.Request](t, []byte(x.text)).ID, 1))
		asked <- q
		return []byte(strings.Replace(answer.text, parse[control.Request](t, []byte(x.text)).ID, q.ID, 1)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer responder.Close()
	want := parse[control.Request](t, []byte(x.text))
	var result control.Changed
	q := control.Request{Operation: want.Operation, Target: want.Target}
	if _, err := control.Call(t.Context(), operator, control.OperationTarget, q, &result); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got.Operation != want.Operation || result.State != control.CollectorPaused {
		t.Errorf("asked for %s, and got %+v", got.Operation, result)
	}
}

func firstKey(text string) string {
	return text[:min(len(text), 30)]
}

// timely returns the request with a deadline that is to come, but for one that has passed.
func timely(text string) []byte {
	const documented = `"deadline_ns":81234567890123`
	b, err := json.Marshal(router.Now() + int64(time.Minute))
	if err != nil {
		panic(err)
	}
	return []byte(strings.Replace(text, documented, `"deadline_ns":`+string(b), 1))
}

// volatile are the keys whose values differ from run to run.
var volatile = regexp.MustCompile(`"((?:queue|execution|total|uptime|deadline)_ns|pid)":\d+`)

// offset is the place in a malformed envelope, which moves with the length of the deadline.
var offset = regexp.MustCompile(`byte \d+`)

func compareJSON(t *testing.T, want, got string) {
	t.Helper()
	decode := func(text string) (v any) {
		text = offset.ReplaceAllString(volatile.ReplaceAllString(text, `"$1":0`), "byte 0")
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	if diff := cmp.Diff(decode(want), decode(got)); diff != "" {
		t.Errorf("(-document +agent):\n%s", diff)
	}
}
