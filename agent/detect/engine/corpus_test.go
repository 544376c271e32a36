package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/mix"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/event"
)

// ordinary are the process starts of the committed mix: 90 bytes of command line on
// average, 436 at most.
func ordinary(t testing.TB) (all []event.View) {
	t.Helper()
	events, err := mix.Events()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range events {
		if v.Table() == event.TableProcess && v.Operation() == event.OpStart {
			all = append(all, v)
		}
	}
	return all
}

// renewed returns copies of events, more than a memo has room for. Texts that are not to
// come again have other capitals in each copy, so that rules find in them what they found,
// but an event takes somewhat longer, because more has to be folded.
func renewed(t testing.TB, events []event.View, again string) (all []event.View) {
	t.Helper()
	names := []string{"CommandLine", "Image", "ParentImage", "ParentCommandLine", "User", "CurrentDirectory", "labels.OriginalFileName"}
	for copies := range 4 * memoSets * memoWays / len(events) {
		for _, v := range events {
			v = slices.Clone(v)
			for _, name := range map[string][]string{"none": names, "parents": names[:1]}[again] {
				recased(v.Text(event.MustField(v.Table(), name)), copies)
			}
			all = append(all, v)
		}
	}
	return all
}

// recased changes the case of letters in text, as the bits of n say, from the end on.
func recased(text []byte, n int) {
	for i := len(text) - 1; i >= 0 && n > 0; i-- {
		if c := text[i] | 0x20; 'a' <= c && c <= 'z' {
			text[i] ^= byte(n&1) << 5
			n >>= 1
		}
	}
}

// community returns the rules below a folder that a variable of the environment names.
// They are not part of this repository.
func community(t testing.TB, variable string) []*sigma.Rule {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		t.Skipf("%s names no folder with rules", variable)
	}
	var s sigma.Set
	s.AddPath(dir, sigma.Options{})
	s.Finish()
	return s.Rules
}

// mutated returns n rules: copies of these of which all but the first ones have other
// letters in their texts. They ask as much of the engine, and match little.
func mutated(rules []*sigma.Rule, n int) (all []*sigma.Rule) {
	r := rand.New(rand.NewPCG(11, 2))
	for i := range n {
		x := *rules[i%len(rules)]
		if i >= len(rules) {
			x.Condition = mutate(r, x.Condition)
		}
		all = append(all, &x)
	}
	return all
}

func mutate(r *rand.Rand, e expr.Expr) expr.Expr {
	several := func(parts []expr.Expr) (all []expr.Expr) {
		for _, x := range parts {
			all = append(all, mutate(r, x))
		}
		return all
	}
	switch e := e.(type) {
	case expr.And:
		return expr.And(several(e))
	case expr.Or:
		return expr.Or(several(e))
	case expr.Not:
		return expr.Not{Expr: mutate(r, e.Expr)}
	case *expr.Ref:
		return mutate(r, e.Selection.Expr)
	case *expr.Atom:
		match, ok := e.Test.(expr.Match)
		if !ok {
			return e
		}
		var p expr.Pattern
		for _, x := range match.Pattern {
			text := []byte(x.Text)
			for range len(text) / 3 {
				if i := r.IntN(len(text)); 'a' <= text[i]|0x20 && text[i]|0x20 <= 'z' {
					text[i] = 'a' + byte(r.IntN(26))
				}
			}
			p = append(p, expr.Piece{Wild: x.Wild, Text: string(text)})
		}
		match.Pattern = p
		return &expr.Atom{Field: e.Field, Test: match, Line: e.Line}
	}
	return e
}

// Words of generated rules: those of attacks, which benign events hardly have, and
// endings that make each rule another one.
var (
	programs = strings.Fields("nc ncat socat curl wget python3 perl ruby php lua awk gdb strace tcpdump nmap masscan hydra john hashcat crontab at systemctl useradd usermod passwd chattr chmod setcap insmod modprobe rmmod iptables nft ufw auditctl setenforce shred dd xxd base64 openssl ssh scp rsync rclone tar zip mount umount nsenter unshare chroot docker kubectl crictl dig nslookup whoami id uname hostname last who w ps find locate")
	words    = strings.Fields("/dev/tcp/ /etc/shadow /etc/passwd /etc/sudoers authorized_keys .bash_history LD_PRELOAD /proc/self/mem bash_-i exec_sh -e_/bin/sh base64_-d http:// https:// ngrok.io pastebin.com transfer.sh .onion stratum+tcp xmrig --donate-level /tmp/. /dev/shm/ /var/tmp/ chmod_+x chmod_777 nohup disown history_-c HISTFILE= kill_-9 rm_-rf --no-preserve-root mkfifo socket.socket pty.spawn fsockopen cap_setuid+ep ld.so.preload docker.sock --privileged release_agent core_pattern kallsyms insmod_/tmp crontab_-r systemctl_disable auditctl_-D setenforce_0 ufw_disable iptables_-F 169.254.169.254 aws_secret id_rsa .kube/config")
	parents  = strings.Fields("nginx apache2 httpd java node php-fpm tomcat postgres mysqld redis-server sshd cron gunicorn uwsgi")
)

// generated returns n rules in the shapes that the public rules have, in their
// shares: a program and words, words alone, a parent, all of several, an exception,
// a list of addresses, an expression.
func generated(t testing.TB, n int) []*sigma.Rule {
	return read(t, generatedText(n), sigma.Options{})
}

func generatedText(n int) string {
	r := rand.New(rand.NewPCG(7, 1))
	pick := func(list []string) string { return strings.ReplaceAll(list[r.IntN(len(list))], "_", " ") }
	many := func(most int, one func() string) string {
		var all []string
		for range 1 + r.IntN(most) {
			all = append(all, quote(one()))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	ending := func() string { return fmt.Sprintf("%c%c%d", 'a'+r.IntN(26), 'a'+r.IntN(26), r.IntN(100)) }
	word := func() string { return pick(words) + ending() }
	program := func() string {
		if r.IntN(3) == 0 {
			return "/" + pick(programs)
		}
		return "/" + pick(programs) + ending()
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\ntitle: rule %d\nlogsource: {product: linux, category: process_creation}\nlevel: low\ndetection:\n", i)
		switch k := r.IntN(20); {
		case k < 9:
			fmt.Fprintf(&b, "  selection_img:\n    Image|endswith: %s\n  selection_cli:\n    CommandLine|contains: %s\n  condition: all of selection_*\n", many(3, program), many(8, word))
		case k < 12:
			fmt.Fprintf(&b, "  selection:\n    CommandLine|contains: %s\n  condition: selection\n", many(20, word))
		case k < 14:
			fmt.Fprintf(&b, "  selection:\n    ParentImage|endswith: %s\n    Image|endswith: %s\n  condition: selection\n", many(4, func() string { return "/" + pick(parents) }), many(8, program))
		case k < 16:
			fmt.Fprintf(&b, "  selection:\n    Image|endswith: %s\n    CommandLine|contains|all: [%s, %s]\n  condition: selection\n", many(2, program), quote(pick(words)), quote(word()))
		case k < 18:
			fmt.Fprintf(&b, "  selection:\n    Image|startswith: %s\n  filter_main_a:\n    ParentImage|endswith: %s\n  filter_main_b:\n    CommandLine|contains: %s\n  condition: selection and not 1 of filter_main_*\n",
				many(5, func() string { return pick([]string{"/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/"}) + ending() }), many(2, program), many(3, word))
		case k < 19:
			fmt.Fprintf(&b, "  selection:\n    - CommandLine|contains: %s\n    - ParentCommandLine|contains: %s\n  condition: selection\n", many(60, func() string { return ending() + ".example" + ending() + ".com" }), many(5, word))
		default:
			fmt.Fprintf(&b, "  selection:\n    CommandLine|re: '%s(-[a-z]+\\s+)*\\S+%s$'\n  condition: selection\n", pick(programs)+ending(), ending())
		}
	}
	return b.String()
}
