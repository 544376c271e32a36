package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/format"
	"github.com/daemoneye/eventbus/agent/output/secret"
)

// Options configure a Sink. URL, Secret, Token, Password and the values of Headers may be
// references, see package secret.
type Options struct {
	URL      string
	Template string // one of Templates
	Headers  map[string]string
	// Redirects is how many are followed.
	Redirects int
	// Secret is the key of the signature, with the template pagerduty the routing key.
	Secret         string
	Token          string
	User, Password string
	TLS            secret.TLS
	// Version stands in User-Agent.
	Version string
	// Secrets reads them; nil: one of its own.
	Secrets *secret.Keeper
}

const (
	maxAnswer  = 64 << 10
	answerTime = time.Second
	maxQuoted  = 200 // of an answer in an error
)

// Sink posts items. One goroutine at a time.
type Sink struct {
	o      Options
	form   template
	client *http.Client // nil while there is none
	// of this client
	url, secret string
	header      http.Header
	dial        func(ctx context.Context, network, address string) (net.Conn, error) // nil but in tests
}

// New makes a Sink. Send reads secrets and connects.
func New(o Options) (*Sink, error) {
	form, ok := templates[o.Template]
	if !ok {
		return nil, fmt.Errorf("there is no template %q", o.Template)
	}
	if o.Secrets == nil {
		o.Secrets = &secret.Keeper{}
	}
	return &Sink{o: o, form: form}, nil
}

// Send implements output.Sink. After a failure secrets are read again.
func (s *Sink) Send(ctx context.Context, items []output.Item) (taken int, err error) {
	if s.client == nil {
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	size := 1
	if s.form.many {
		size = max(len(items), 1)
	}
	for part := range slices.Chunk(items, size) {
		if err := s.post(ctx, part); err != nil {
			_ = s.Close() // it returns nil
			return taken, err
		}
		taken += len(part)
	}
	return taken, nil
}

// open reads all that is not in the configuration itself.
func (s *Sink) open() (err error) {
	k := s.o.Secrets
	read := func(how func(string) (string, error), ref string) (text string) {
		text, e := how(ref)
		err = errors.Join(err, e)
		return text
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		_, _ = k.URL("env:" + name) // there may be none
	}
	s.url, s.secret = read(k.URL, s.o.URL), read(k.Read, s.o.Secret)
	s.header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"daemoneye-agent/" + s.o.Version}}
	for name, ref := range s.o.Headers {
		s.header.Set(name, read(k.Header, ref))
	}
	if s.o.Token != "" {
		s.header.Set("Authorization", "Bearer "+read(k.Read, s.o.Token))
	}
	if s.o.User != "" {
		s.header.Set("Authorization", read(func(ref string) (string, error) { return k.Basic(s.o.User, ref) }, s.o.Password))
	}
	config, e := s.o.TLS.Config()
	if err = errors.Join(err, e); err != nil {
		return err
	}
	if u, err := url.Parse(s.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("url: want http:// or https://, and a host")
	}
	s.client = &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: s.dial, TLSClientConfig: config, ForceAttemptHTTP2: true, MaxIdleConns: 1,
			IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: s.redirect,
	}
	return nil
}

// redirect follows what stays with the same receiver and sends the same body.
func (s *Sink) redirect(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > s.o.Redirects || r.Method != http.MethodPost || r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

func (s *Sink) post(ctx context.Context, items []output.Item) error {
	body, err := s.form.encode(items, s)
	if err != nil {
		return &output.RefusedError{Reason: err.Error()}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("url: it is none") // without it
	}
	r.Header = s.header.Clone()
	r.Header.Set("Idempotency-Key", items[0].ID)
	if s.secret != "" && s.o.Template != "pagerduty" {
		at := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(s.secret))
		mac.Write([]byte(at + "."))
		mac.Write(body)
		r.Header.Set("X-Daemoneye-Timestamp", at)
		r.Header.Set("X-Daemoneye-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	answer, err := s.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL
		}
		return err
	}
	defer answer.Body.Close()
	// What an answer has beside its status may come slowly, or without end.
	late := time.AfterFunc(answerTime, cancel)
	defer late.Stop()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // as much as came
	return judge(answer, s.o.Secrets.Mask(string(bytes.ToValidUTF8(text, []byte("?")))))
}

// judge returns what an answer with that text means. The receiver may have put into it what it
// got, so that text has no secret any more.
func judge(a *http.Response, text string) error {
	if a.StatusCode/100 == 2 {
		return nil
	}
	what := a.Status
	if a.StatusCode/100 == 3 {
		what += ": a redirect that is not followed"
	} else if quoted := format.Line(format.Cut(strings.TrimSpace(text), maxQuoted)); quoted != "" {
		what += ": " + quoted
	}
	err := errors.New(what)
	switch a.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if d := retryAfter(a.Header.Get("Retry-After")); d > 0 {
			return &output.DelayError{After: d, Err: err}
		}
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return &output.RefusedError{Reason: what}
	}
	return err
}

// retryAfter reads seconds or a date; 0 for neither.
func retryAfter(text string) time.Duration {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return time.Duration(min(n, 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// Close implements output.Sink.
func (s *Sink) Close() error {
	if s.client != nil {
		s.client.CloseIdleConnections()
		s.client = nil
	}
	return nil
}
