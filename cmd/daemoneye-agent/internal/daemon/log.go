package daemon

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
)

// newLogger makes the agent's own log, whose level and form may change at any time. w has
// to be safe for concurrent use, because two lines may be written while that happens.
func newLogger(w io.Writer, asJSON *atomic.Bool, level *slog.LevelVar) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	return slog.New(&eitherHandler{asJSON, slog.NewTextHandler(w, o), slog.NewJSONHandler(w, o)})
}

// eitherHandler writes a record as text or as JSON. Safe for concurrent use.
type eitherHandler struct {
	asJSON    *atomic.Bool
	text, obj slog.Handler
}

func (h *eitherHandler) now() slog.Handler {
	if h.asJSON.Load() {
		return h.obj
	}
	return h.text
}

// Enabled implements slog.Handler.
func (h *eitherHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.now().Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h *eitherHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.now().Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *eitherHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &eitherHandler{h.asJSON, h.text.WithAttrs(attrs), h.obj.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *eitherHandler) WithGroup(name string) slog.Handler {
	return &eitherHandler{h.asJSON, h.text.WithGroup(name), h.obj.WithGroup(name)}
}
