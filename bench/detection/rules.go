package detection

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// marked is what the command line of an event has that a rule matches.
const marked = "bench-mark-of-detection"

var (
	programs = strings.Fields("nc ncat socat curl wget python3 perl ruby php lua awk gdb strace tcpdump nmap crontab useradd chattr chmod insmod iptables auditctl dd xxd base64 openssl ssh rsync tar mount nsenter chroot docker dig")
	words    = strings.Fields("/dev/tcp/ /etc/shadow /etc/passwd authorized_keys .bash_history LD_PRELOAD base64 http:// https:// ngrok.io .onion stratum+tcp --donate-level /tmp/. /dev/shm/ chmod nohup history HISTFILE= --no-preserve-root mkfifo socket.socket pty.spawn ld.so.preload docker.sock --privileged core_pattern 169.254.169.254 id_rsa")
)

// rules returns n rules in the shapes that public rules for processes have, and one that
// matches what is marked. The same n gives the same text.
func rules(n int) string {
	r := rand.New(rand.NewPCG(3, 1))
	ending := func() string { return fmt.Sprintf("%c%c%d", 'a'+r.IntN(26), 'a'+r.IntN(26), r.IntN(100)) }
	list := func(most int, from []string, before string) string {
		var all []string
		for range 1 + r.IntN(most) {
			all = append(all, "'"+before+from[r.IntN(len(from))]+ending()+"'")
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "title: marked\nid: 6d1f4a3e-0000-4000-8000-000000000000\nlevel: high\nlogsource: {category: process_creation}\ndetection: {s: {CommandLine|contains: %s}, condition: s}\n", marked)
	for i := range n {
		fmt.Fprintf(&b, "---\ntitle: rule %d\nid: 6d1f4a3e-0000-4000-8000-%012d\nlevel: low\nlogsource: {product: linux, category: process_creation}\ndetection:\n", i, i+1)
		switch k := r.IntN(10); {
		case k < 5:
			fmt.Fprintf(&b, "  image: {Image|endswith: %s}\n  line: {CommandLine|contains: %s}\n  condition: all of them\n", list(3, programs, "/"), list(8, words, ""))
		case k < 8:
			fmt.Fprintf(&b, "  line: {CommandLine|contains: %s}\n  condition: line\n", list(20, words, ""))
		case k < 9:
			fmt.Fprintf(&b, "  parent: {ParentImage|endswith: %s, Image|endswith: %s}\n  not_this: {CommandLine|contains: %s}\n  condition: parent and not not_this\n",
				list(4, programs, "/"), list(8, programs, "/"), list(3, words, ""))
		default:
			fmt.Fprintf(&b, "  line: {CommandLine|re: '%s(-[a-z]+\\s+)*\\S+%s$'}\n  condition: line\n", programs[r.IntN(len(programs))]+ending(), ending())
		}
	}
	return b.String()
}
