package metrics

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// maxConnections bounds the connections, and maxScrapes the scrapes at a time.
	maxConnections, maxScrapes = 16, 2
	// exchangeTimeout bounds a request with its answer, which end a connection.
	exchangeTimeout = 10 * time.Second
	// maxRequest bounds the bytes of a request.
	maxRequest = 8 << 10
)

// server answers scrapes. It reads and writes HTTP with package net/http, but without its
// server: TLS and HTTP/2 make the program 1.9 MB larger where nothing else needs them.
type server struct {
	status  Status
	scrapes chan struct{} // holds one for each scrape
	log     *slog.Logger
}

// Serve answers GET /metrics on l until ctx ends. It closes l, and returns when no
// connection is left. The error is nil when ctx has ended.
func Serve(ctx context.Context, l net.Listener, status Status, log *slog.Logger) error {
	s := &server{status, make(chan struct{}, maxScrapes), log}
	limited := &limitedListener{l, make(chan struct{}, maxConnections)}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = l.Close() // it may be closed already
	})
	var connections sync.WaitGroup
	for {
		c, err := limited.Accept()
		if err == nil {
			connections.Go(func() { s.connection(ctx, c) })
			continue
		}
		if !stop() {
			<-closed
			connections.Wait()
			return nil
		}
		err = errors.Join(err, l.Close())
		connections.Wait()
		return err
	}
}

// connection answers the one request of a connection.
func (s *server) connection(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // ends what waits for the client
	defer func() {
		if stop() {
			_ = c.Close() // all is written
		}
	}()
	if err := c.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return
	}
	r, err := http.ReadRequest(bufio.NewReader(io.LimitReader(c, maxRequest)))
	var answer *http.Response
	if err != nil {
		answer = text(http.StatusBadRequest, err.Error())
	} else {
		answer = s.answer(ctx, r)
	}
	if err := answer.Write(c); err != nil {
		s.log.Debug("metrics not sent", "err", err)
	}
}

// answer is that to a request.
func (s *server) answer(ctx context.Context, r *http.Request) *http.Response {
	switch {
	case r.URL.Path != "/metrics":
		return text(http.StatusNotFound, "there is only /metrics")
	case r.Method != http.MethodGet:
		a := text(http.StatusMethodNotAllowed, "want GET")
		a.Header.Set("Allow", http.MethodGet)
		return a
	}
	select {
	case s.scrapes <- struct{}{}:
		defer func() { <-s.scrapes }()
	default:
		return text(http.StatusServiceUnavailable, "too many scrapes at a time")
	}
	body, err := gather(ctx, s.status)
	if err != nil {
		return text(http.StatusInternalServerError, err.Error())
	}
	a := text(http.StatusOK, string(body))
	a.Header.Set("Content-Type", contentType)
	return a
}

// text is an answer with that body, which ends the connection.
func text(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Close: true, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}},
		Body:   io.NopCloser(bytes.NewReader([]byte(body))),
	}
}
