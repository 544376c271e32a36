package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/secret"
)

// Options configure a Sink. Token and Password may be references, see package secret.
type Options struct {
	// Address is one or more of nats://HOST:PORT and tls://HOST:PORT, with commas between.
	Address string
	// Subject is what subjects begin with.
	Subject string
	// Stream has to take the subjects; empty is whichever does.
	Stream string
	// Credentials is the path of a file that nsc wrote.
	Credentials    string
	Token          string
	User, Password string
	TLS            secret.TLS
	// Name is what the server calls the connection.
	Name string
	// Secrets reads them; nil: one of its own.
	Secrets *secret.Keeper
}

// dialTime bounds connecting to one server.
const dialTime = 5 * time.Second

// Sink publishes items. One goroutine at a time.
type Sink struct {
	o    Options
	conn *nats.Conn // nil while there is none
	js   jetstream.JetStream
	lost chan struct{} // closed when conn has ended
}

// New makes a Sink. Send reads secrets and connects.
func New(o Options) *Sink {
	if o.Secrets == nil {
		o.Secrets = &secret.Keeper{}
	}
	return &Sink{o: o}
}

var kinds = map[output.Kind]string{
	output.KindAlert: "alert", output.KindUpdate: "update", output.KindMessage: "message", output.KindNotice: "notice",
}

// Send implements output.Sink.
func (s *Sink) Send(ctx context.Context, items []output.Item) (taken int, err error) {
	if err := s.connect(ctx); err != nil {
		return 0, err
	}
	acks := make([]jetstream.PubAckFuture, 0, len(items))
	var unsent error
	for i := range items {
		ack, err := s.publish(&items[i])
		if err != nil {
			unsent = err
			break
		}
		acks = append(acks, ack)
	}
	for i, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return i, s.fail(err)
		case <-s.lost:
			return i, s.fail(nats.ErrConnectionClosed)
		case <-ctx.Done():
			return i, s.fail(ctx.Err())
		}
	}
	if unsent != nil {
		return len(acks), s.fail(unsent)
	}
	return len(items), nil
}

func (s *Sink) publish(it *output.Item) (jetstream.PubAckFuture, error) {
	m := nats.NewMsg(s.o.Subject + "." + it.Topic)
	m.Data = it.Body
	m.Header.Set("Daemoneye-Kind", kinds[it.Kind])
	if it.Level > 0 {
		m.Header.Set("Daemoneye-Level", it.Level.String())
	}
	// No attempts within the library: the output counts them, and keeps the order.
	o := []jetstream.PublishOpt{jetstream.WithMsgID(it.ID), jetstream.WithRetryAttempts(0)}
	if s.o.Stream != "" {
		o = append(o, jetstream.WithExpectStream(s.o.Stream))
	}
	return s.js.PublishMsgAsync(m, o...)
}

// fail closes a connection after a failure, unless it is the item's own.
func (s *Sink) fail(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) {
		return &output.RefusedError{Reason: err.Error()}
	}
	_ = s.Close() // it returns nil
	return err
}

// connect connects to the first server that answers. A connection that ends is not mended
// by the library: it would publish then what has been counted as not taken.
func (s *Sink) connect(ctx context.Context) error {
	if s.conn != nil {
		select {
		case <-s.lost:
			_ = s.Close()
		default:
			return nil
		}
	}
	_, _ = s.o.Secrets.URL(s.o.Address) // it is no reference
	lost := make(chan struct{})
	o := []nats.Option{
		nats.Name(s.o.Name), nats.NoReconnect(), nats.Timeout(dialTime), nats.DontRandomize(), nats.PingInterval(20 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ClosedHandler(func(*nats.Conn) { close(lost) }), nats.DisconnectErrHandler(func(*nats.Conn, error) {}), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
	if s.o.Credentials != "" {
		o = append(o, nats.UserCredentials(s.o.Credentials))
	}
	if s.o.Token != "" {
		token, err := s.o.Secrets.Read(s.o.Token)
		if err != nil {
			return err
		}
		o = append(o, nats.Token(token))
	}
	if s.o.User != "" {
		password, err := s.o.Secrets.Read(s.o.Password)
		if err != nil {
			return err
		}
		o = append(o, nats.UserInfo(s.o.User, password))
	}
	if s.o.TLS != (secret.TLS{}) || strings.Contains(s.o.Address, "tls://") {
		config, err := s.o.TLS.Config()
		if err != nil {
			return err
		}
		o = append(o, nats.Secure(config))
	}
	type dialled struct {
		conn *nats.Conn
		err  error
	}
	done := make(chan dialled, 1)
	go func() { // it ends after dialTime for each server at the latest
		c, err := nats.Connect(s.o.Address, o...)
		done <- dialled{c, err}
	}()
	select {
	case d := <-done:
		if d.err != nil {
			return fmt.Errorf("%s: %w", secret.Where(s.o.Address), d.err)
		}
		s.conn, s.lost = d.conn, lost
	case <-ctx.Done():
		go func() { // nobody wants it any more
			if d := <-done; d.err == nil {
				d.conn.Close()
			}
		}()
		return ctx.Err()
	}
	var err error
	if s.js, err = jetstream.New(s.conn); err != nil {
		return s.fail(err)
	}
	return nil
}

// Close implements output.Sink. It returns when the connection has ended.
func (s *Sink) Close() error {
	if s.conn != nil {
		s.conn.Close()
		<-s.lost
		s.conn, s.js = nil, nil
	}
	return nil
}
