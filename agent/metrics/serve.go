package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// maxConnections bounds the connections, and maxScrapes the scrapes at a time.
	maxConnections, maxScrapes = 16, 2
	// exchangeTimeout bounds a request and its answer, and idleTimeout how long a
	// connection may do nothing.
	exchangeTimeout, idleTimeout = 10 * time.Second, 2 * time.Minute
)

// Handler answers a scrape: the table of this package, the latency, and what client
// libraries show of every Go program.
func Handler(status Status) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(newCollector(status), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: exchangeTimeout / 2})
}

// Serve answers GET /metrics on l until ctx ends. It closes l, and returns when no
// connection is left. The error is nil when ctx has ended.
func Serve(ctx context.Context, l net.Listener, status Status, log *slog.Logger) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", Handler(status))
	s := &http.Server{
		Handler: mux, ReadTimeout: exchangeTimeout, WriteTimeout: exchangeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: 8 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = s.Close() // of listeners that may be closed already
	})
	err := s.Serve(&limitedListener{l, make(chan struct{}, maxConnections)})
	if stop() {
		return errors.Join(err, s.Close())
	}
	<-closed
	return nil
}
