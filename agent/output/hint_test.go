package output_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
)

// TestTheHealthSaysWhatCanBeDone about each kind of failure.
func TestTheHealthSaysWhatCanBeDone(t *testing.T) {
	for want, err := range map[string]error{
		"whether the receiver runs":     &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"the resolver of this host":     &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x"}},
		"the routes of this host":       &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)},
		"make room":                     &fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC},
		"can be written":                &fs.PathError{Op: "open", Path: "/x", Err: syscall.EROFS},
		"the agent's user":              &fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES},
		"tls_ca":                        errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
		"token, user and password":      errors.New("401 Unauthorized: no"),
		"the url of this output":        errors.New("404 Not Found"),
		"raise timeout":                 fmt.Errorf("send: %w", context.DeadlineExceeded),
		"make the stream":               errors.New("nats: no response from stream"),
		"outputs test":                  errors.New("500 Internal Server Error"),
		"disk, mount or reader":         output.ErrStuck,
		"credentials, token, user and ": errors.New("nats: Authorization Violation"),
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j, r := fresh("a"), newReceiver()
				r.set(func([]output.Item) (int, error) { return 0, err })
				m, _ := start(t, j, nil, spec("a", r))
				j.Raise(1, alert.Low)
				time.Sleep(time.Second / 2)
				if h := status(t, m, "a").Health; !strings.Contains(h.Reason, want) || !strings.Contains(h.Reason, err.Error()) {
					t.Errorf("%+v", h)
				}
			})
		})
	}
}

// TestTheHealthSaysWhereTheReasonIs where the journal cannot be read.
func TestTheHealthSaysWhereTheReasonIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := fresh("a")
		j.Break(errDown)
		m, _ := start(t, j, nil, spec("a", newReceiver()))
		time.Sleep(time.Second / 2)
		if h := status(t, m, "a").Health; !strings.Contains(h.Reason, "journal: cursor: down") || !strings.Contains(h.Reason, "part alerts of the health") {
			t.Errorf("%+v", h)
		}
	})
}
