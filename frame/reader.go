package frame

import (
	"errors"
	"io"
)

// maxEmptyReads is how often a source may return nothing and no error in a row.
const maxEmptyReads = 100

// Reader takes frames off a stream, one at a time. It is Next for a caller that has
// an io.Reader and no buffers of its own. One goroutine at a time may use it.
type Reader struct {
	src     io.Reader
	maxSize int
	buf     []byte // buf[at:] has been read and not been returned
	at      int
}

// NewReader returns a reader of frames of up to maxSize bytes; 0 stands for
// DefaultMaxSize.
func NewReader(src io.Reader, maxSize int) *Reader {
	if maxSize <= 0 {
		maxSize = DefaultMaxSize
	}
	return &Reader{src: src, maxSize: maxSize, buf: make([]byte, 0, 4<<10)}
}

// Next returns the next frame, which is valid until the next call. Its errors
// are those of the package's Next, with the frame beside them where there is
// one, those of the source, io.EOF at the end, and io.ErrUnexpectedEOF where
// the end is inside a frame.
func (r *Reader) Next() (Frame, error) {
	for {
		f, err := Next(r.buf[r.at:], r.maxSize)
		if !errors.Is(err, ErrIncomplete) {
			r.at += len(f)
			return f, err
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// Buffered returns what has been read behind the last frame, valid until the next
// call of Next. A caller that goes on without the Reader begins with these bytes.
func (r *Reader) Buffered() []byte { return r.buf[r.at:] }

// fill reads once, with the half frame moved to the front. The buffer doubles
// when a frame fills it, up to the longest frame: it grows with what came, not
// with what the length field claims.
func (r *Reader) fill() error {
	if r.at > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.at:])]
		r.at = 0
	}
	if len(r.buf) == cap(r.buf) {
		// A half frame that fills it is part of one that maxSize admits, so it grows.
		r.buf = append(make([]byte, 0, min(2*cap(r.buf), r.maxSize)), r.buf...)
	}
	for range maxEmptyReads {
		n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		switch {
		case n > 0:
			return nil // an error beside it comes again
		case errors.Is(err, io.EOF) && len(r.buf) > 0:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}
