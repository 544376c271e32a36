package ebpf_test

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/ebpf"
)

//go:embed testdata/packets.o
var packetsObject []byte

// TestAControlGroupsPacketsAreRecorded sends a packet over loopback from this process,
// which is in a group below the root.
func TestAControlGroupsPacketsAreRecorded(t *testing.T) {
	p, err := ebpf.Load(packetsObject, ebpf.Options{Ring: 1 << 20})
	var refused *ebpf.Refusal
	if errors.As(err, &refused) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, err := p.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	root := t.TempDir()
	if err := unix.Mount("none", root, "cgroup2", 0, ""); err != nil {
		t.Skipf("control groups of version 2 cannot be mounted: %v", err)
	}
	defer func() { _ = unix.Unmount(root, 0) }()
	if err := p.AttachCgroup("/nowhere"); err == nil {
		t.Error("a control group that is not there is no error")
	}
	if err := p.AttachCgroup(root); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Skip(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("a packet")); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for found := false; !found; {
		if err := r.Wait(ctx, time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if err := r.Read(1000, func(b []byte) {
			found = found || binary.NativeEndian.Uint64(b)>>32 == uint64(os.Getpid())
		}); err != nil {
			t.Fatal(err)
		}
		if ctx.Err() != nil {
			t.Fatal("our packet has no record")
		}
	}
}
