package trim

import (
	"os"
	"testing"
)

func TestOnlyMappingsThatDoNotDifferFromTheFileAreDropped(t *testing.T) {
	const smaps = `00400000-00b7c000 r-xp 00000000 fe:00 1234                               /usr/bin/agent
Size:               7664 kB
Rss:                7572 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
00b7c000-01400000 r--p 0077c000 fe:00 1234                               /usr/bin/agent
Rss:                 100 kB
Anonymous:             0 kB
Swap:                  0 kB
01400000-01500000 rw-p 01000000 fe:00 1234                               /usr/bin/agent
Rss:                 420 kB
Anonymous:             0 kB
02400000-02500000 r--p 01000000 fe:00 1234                               /usr/bin/agent
Rss:                  64 kB
Anonymous:             4 kB
03400000-03500000 r--p 01000000 fe:00 1234                               /usr/bin/agent
Rss:                  64 kB
Anonymous:             0 kB
Swap:                  4 kB
04400000-04500000 r--p 01000000 fe:00 1234                               /usr/bin/agent
Rss:                   0 kB
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 99                         /usr/lib/libc.so.6
Rss:                   4 kB
Anonymous:             0 kB
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
Rss:                  40 kB
`
	got := clean([]byte(smaps), "/usr/bin/agent")
	want := []mapping{{0x400000, 0xb7c000, 7572 << 10}, {0xb7c000, 0x1400000, 100 << 10}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("mappings are %x, want %x", got, want)
	}
}

// TestTheProgramGoesOnWithoutItsPages: what is needed comes back.
func TestTheProgramGoesOnWithoutItsPages(t *testing.T) {
	if _, err := os.Stat("/proc/self/smaps"); err != nil {
		t.Skip(err)
	}
	for range 3 {
		n, err := Program()
		if err != nil || n == 0 {
			t.Fatalf("%d bytes were given back, %v", n, err)
		}
		Memory()
	}
}
