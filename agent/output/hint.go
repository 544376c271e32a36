package output

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// hints are what an operator can do about an error of a sink, the first that fits. Of an
// error that is known by its text only, is is nil.
var hints = []struct {
	is   error
	text string // part of the error
	do   string
}{
	{ErrStuck, "", "see whether the disk, mount or reader still works"},
	{syscall.ENOSPC, "", "make room on its file system"},
	{syscall.EROFS, "", "mount its file system so that it can be written"},
	{syscall.ECONNREFUSED, "", "see whether the receiver runs, and on that port"},
	{syscall.ENETUNREACH, "", "see the routes of this host, and IPAddressAllow= of its service"},
	{syscall.EHOSTUNREACH, "", "see the routes of this host, and IPAddressAllow= of its service"},
	{syscall.EPERM, "", "see IPAddressAllow= and ReadWritePaths= of the agent's service"},
	{fs.ErrPermission, "", "give the agent's user access to it"},
	{nil, "x509: ", "see tls_ca and tls_server_name, and the receiver's certificate"},
	{nil, "tls: ", "see tls_cert and tls_key, and what the receiver wants"},
	{nil, "401 ", "see token, user and password of this output"},
	{nil, "403 ", "see what the receiver allows this token or user"},
	{nil, "404 ", "see the url of this output"},
	{nil, "uthorization ", "see credentials, token, user and password of this output"},
	{nil, "no response from stream", "make the stream, or see its subjects"},
	{fs.ErrNotExist, "", "see whether it is there"},
	{context.DeadlineExceeded, "", "see whether the receiver answers in time, or raise timeout"},
	{os.ErrDeadlineExceeded, "", "see whether the receiver answers in time, or raise timeout"},
}

// hintOf returns what can be done about err.
func hintOf(err error) string {
	var journal *sourceError
	if errors.As(err, &journal) {
		return "part alerts of the health says why"
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "see the name of the receiver, and the resolver of this host"
	}
	for _, h := range hints {
		if h.is != nil && errors.Is(err, h.is) || h.is == nil && strings.Contains(err.Error(), h.text) {
			return h.do
		}
	}
	return "outputs test shows when it works again"
}
