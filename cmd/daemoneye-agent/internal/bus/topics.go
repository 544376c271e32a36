package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// NewTopics makes the command topics.
func NewTopics(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "topics [PATTERN]...", Short: "list what is published, by whom, and how fast",
		Long: `
Watch for a while what is published, and list the topics with who publishes there,
how many messages a second and how many bytes a second, and when the last one came. What the agent
still has of the past minutes is listed too, with rate 0. When the terminal or this
machine is too slow for what is published the rates are too low, and that is said.`,
		Example: `daemoneye-agent topics
daemoneye-agent topics --duration 10s 'events.#'`,
		ValidArgs: patternExamples,
	}
	t.Flags(c)
	var duration time.Duration
	cli.TimeFlag(c.Flags(), &duration, "duration", 2*time.Second, time.Millisecond, time.Hour, "`TIME` to watch")
	asJSON := c.Flags().Bool("json", false, "print the list as JSON")
	c.RunE = func(c *cobra.Command, patterns []string) error {
		if len(patterns) == 0 {
			patterns = []string{"#"}
		}
		if _, err := router.ParsePatterns(patterns...); err != nil {
			return cli.UsageError{Err: err}
		}
		return runTopics(c.Context(), p, &t, patterns, duration, *asJSON)
	}
	return c
}

// maxTopics bounds what is kept of what others publish.
const maxTopics = 10_000

// topicStats are the messages of one publisher on one topic.
type topicStats struct {
	Topic    string        `json:"topic"`
	Source   uint32        `json:"source"`
	By       string        `json:"by"`
	Messages uint64        `json:"messages"` // while it was watched
	Rate     float64       `json:"per_s"`
	ByteRate float64       `json:"bytes_per_s"`
	Last     time.Duration `json:"last_ns"` // age of the last message

	bytes uint64
	at    int64 // when the last one was published
}

// topicList is what --json prints.
type topicList struct {
	Watched time.Duration `json:"watched_ns"`
	Topics  []*topicStats `json:"topics"`
	Lost    uint64        `json:"lost"`      // messages that came too fast
	Unnamed bool          `json:"truncated"` // there are more topics
}

func runTopics(ctx context.Context, p *cli.Program, t *cli.Target, patterns []string, duration time.Duration, asJSON bool) error {
	ctx, stop := p.Out.WhileRead(ctx)
	defer stop()
	if err := listTopics(ctx, p, t, patterns, duration, asJSON); err != nil {
		return cmp.Or(stopped(ctx), err)
	}
	return nil
}

// listTopics watches for a while, and prints the list.
func listTopics(ctx context.Context, p *cli.Program, t *cli.Target, patterns []string, duration time.Duration, asJSON bool) error {
	client, err := t.Dial(ctx, ipc.ClientOptions{Name: "topics", Role: cli.ClientRole})
	if err != nil {
		return err
	}
	defer client.Close()
	dialing, cancel := context.WithTimeout(ctx, cli.AnswerTimeout)
	defer cancel()
	sub, err := client.Subscribe(dialing, router.Subscription{SubscriberID: "topics", Patterns: patterns, ReplayFrom: 1})
	if err != nil {
		return cli.Late(ctx, dialing, err)
	}
	began := router.Now()
	watching, stop := context.WithTimeout(ctx, duration)
	defer stop()
	list := watchTopics(sub.Messages(watching), began)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if watching.Err() == nil {
		return cmp.Or(sub.Err(), errors.New("the subscription has ended"))
	}
	now := router.Now()
	if err := nameSources(ctx, client, list); err != nil {
		return err
	}
	list.finish(time.Duration(now-began), now)
	if asJSON {
		return p.JSON(list)
	}
	list.print(p)
	return nil
}

// watchTopics counts messages until they end. Those that were published before began
// are known and not counted.
func watchTopics(messages func(func(*router.Message) bool), began int64) *topicList {
	type key struct {
		topic  string
		source uint32
	}
	list, found := &topicList{Topics: []*topicStats{}}, map[key]*topicStats{}
	for m := range messages {
		if m.Gap != nil {
			if m.Gap.Reason != frame.ReasonReplay {
				list.Lost += m.Gap.Count
			}
			continue
		}
		k := key{string(m.Topic()), m.Frame.Source()}
		s := found[k]
		if s == nil {
			if len(found) == maxTopics {
				list.Unnamed = true
				continue
			}
			s = &topicStats{Topic: k.topic, Source: k.source}
			found[k], list.Topics = s, append(list.Topics, s)
		}
		s.at = max(s.at, m.Published())
		if m.Published() >= began {
			s.Messages++
			s.bytes += uint64(len(m.Payload))
		}
	}
	return list
}

// nameSources sets the names of the publishers, as the agent knows them.
func nameSources(ctx context.Context, client *ipc.Client, list *topicList) error {
	s, err := cli.AskStatus(ctx, client)
	if err != nil {
		return err
	}
	names := map[uint32]string{0: "broker"}
	for _, c := range s.Broker.Clients {
		names[c.Source] = c.Name
	}
	for _, x := range list.Topics {
		x.By = cmp.Or(names[x.Source], fmt.Sprintf("%d, gone", x.Source))
	}
	return nil
}

// finish takes the rates over watched, and sorts the busiest first.
func (l *topicList) finish(watched time.Duration, now int64) {
	l.Watched = watched
	for _, s := range l.Topics {
		s.Rate, s.ByteRate = float64(s.Messages)/watched.Seconds(), float64(s.bytes)/watched.Seconds()
		s.Last = max(time.Duration(now-s.at), 0)
	}
	slices.SortFunc(l.Topics, func(a, b *topicStats) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Source, b.Source))
	})
}

func (l *topicList) print(p *cli.Program) {
	const row = "%-36s %-15s %9s %10s %6s\n"
	fmt.Fprintf(p.Out, row, "TOPIC", "BY", "PER S", "BYTES/S", "LAST")
	for _, s := range l.Topics {
		fmt.Fprintf(p.Out, row, middleCut(s.Topic, 36), middleCut(display.Clean(s.By), 15), rateText(s.Rate), cli.BytesText(int64(s.ByteRate)), ageText(s.Last))
	}
	if len(l.Topics) == 0 {
		fmt.Fprintln(p.Out, "nothing was published")
	}
	if l.Unnamed {
		fmt.Fprintf(p.Out, "\nThere are more than %d topics: the others are not listed.\n", maxTopics)
	}
	if l.Lost > 0 {
		fmt.Fprintf(p.Out, "\n%d messages came too fast to be counted: the rates are too low.\n", l.Lost)
	}
}

// middleCut shortens s to n bytes and keeps both ends, by which topics differ.
func middleCut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	tail := (n - 2) / 2
	return s[:n-2-tail] + ".." + s[len(s)-tail:]
}

func rateText(perSecond float64) string {
	if perSecond >= 100 || perSecond == 0 {
		return fmt.Sprintf("%.0f", perSecond)
	}
	return fmt.Sprintf("%.2g", perSecond)
}

// ageText writes an age in at most six columns.
func ageText(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}
