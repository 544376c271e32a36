package client

import (
	"testing"
	"time"
)

// TestBackoffOutlivesShortConnections has connections that end at once, and one
// that does not.
func TestBackoffOutlivesShortConnections(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ lived, backoff, want time.Duration }{
		{0, firstBackoff, firstBackoff},
		{time.Millisecond, maxBackoff, maxBackoff},
		{time.Second, 2 * time.Second, 2 * time.Second},
		{3 * time.Second, 2 * time.Second, firstBackoff},
		{time.Hour, maxBackoff, firstBackoff},
	} {
		if got := backoffAfter(tc.lived, tc.backoff); got != tc.want {
			t.Errorf("%s after a connection of %s, where it was %s; want %s", got, tc.lived, tc.backoff, tc.want)
		}
	}
}
