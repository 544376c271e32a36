package frame_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/daemoneye/eventbus/frame"
)

func TestReaderYieldsFramesInOrder(t *testing.T) {
	const frames = 300
	stream := batch(t, frames, 1000)
	for name, src := range map[string]io.Reader{
		"at once":      bytes.NewReader(stream),
		"halves":       iotest.HalfReader(bytes.NewReader(stream)),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
		"error beside": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		r := frame.NewReader(src, 0)
		for n := range uint64(frames) {
			f, err := r.Next()
			if err != nil || f.ID() != n || len(f.Payload()) != 1000 {
				t.Fatalf("%s: frame %d: id %d, %v", name, n, f.ID(), err)
			}
		}
		if f, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: at the end %x, %v, want %v", name, f, err, io.EOF)
		}
	}
}

func TestReaderGoesOnBehindAFrameThatIsRefused(t *testing.T) {
	b := frame.AppendControl(nil, frame.TypePing, 1, 0, 0)
	bad := len(b)
	b = frame.AppendControl(b, frame.TypePing, 2, 0, 0)
	b[bad+5] = 99
	b = frame.AppendControl(b, frame.TypePing, 3, 0, 0)
	r := frame.NewReader(bytes.NewReader(b), 0)
	for id, want := range []error{nil, frame.ErrType, nil} {
		f, err := r.Next()
		if !errors.Is(err, want) || f.ID() != uint64(id+1) {
			t.Errorf("frame %d: id %d, %v, want %v", id+1, f.ID(), err, want)
		}
	}
}

func TestReaderEnds(t *testing.T) {
	f := frame.AppendControl(nil, frame.TypePing, 1, 0, 0)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		src  io.Reader
		want error
	}{
		"nothing":        {bytes.NewReader(nil), io.EOF},
		"inside a frame": {bytes.NewReader(f[:20]), io.ErrUnexpectedEOF},
		"broken source":  {iotest.ErrReader(broken), broken},
		"stuck source":   {stuck{}, io.ErrNoProgress},
		"lost stream":    {bytes.NewReader(make([]byte, 64)), frame.ErrVersion},
	} {
		if _, err := frame.NewReader(c.src, 0).Next(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestReaderHandsOverWhatItReadTooMuch(t *testing.T) {
	b := frame.AppendControl(nil, frame.TypePing, 1, 0, 0)
	r := frame.NewReader(bytes.NewReader(append(b, "rest"...)), 0)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if string(r.Buffered()) != "rest" {
		t.Errorf("buffered %q, want rest", r.Buffered())
	}
}

// TestReaderBelievesNoLength holds that memory follows what came, not what a
// length field promises.
func TestReaderBelievesNoLength(t *testing.T) {
	src := &widest{src: bytes.NewReader(frame.AppendControl(nil, frame.TypePing, 1, 0, 1<<20))}
	if _, err := frame.NewReader(src, 2<<20).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if src.widest > 16<<10 {
		t.Errorf("asked for %d bytes at once after a header that promises a megabyte", src.widest)
	}
}

// TestReaderHoldsOneFrame holds that the limit of a frame is that of the buffer.
func TestReaderHoldsOneFrame(t *testing.T) {
	const maxSize = 5000
	b := append(frame.AppendControl(nil, frame.TypePing, 1, 0, maxSize-frame.HeaderSize), make([]byte, maxSize-frame.HeaderSize)...)
	r := frame.NewReader(bytes.NewReader(append(b, b...)), maxSize)
	for range 2 {
		if f, err := r.Next(); err != nil || len(f) != maxSize {
			t.Fatalf("%d bytes, %v", len(f), err)
		}
		if n := cap(r.Buffered()); n > maxSize {
			t.Errorf("a buffer of %d bytes for frames of %d", n, maxSize)
		}
	}
}

// widest remembers the most that it was asked for.
type widest struct {
	src    io.Reader
	widest int
}

func (w *widest) Read(p []byte) (int, error) {
	w.widest = max(w.widest, len(p))
	return w.src.Read(p)
}

// stuck returns nothing and no error, for ever.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }
