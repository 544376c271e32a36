package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// What a host runs all day: program, command line, program and command line of the
// parent. The lengths are those of a server with services, cron and an interpreter
// or two: 94 bytes of command line on average, 20 to 400.
var benign = [][4]string{
	{"/usr/bin/dash", "/bin/sh -c run-parts /etc/cron.hourly", "/usr/sbin/cron", "/usr/sbin/cron -f -P"},
	{"/usr/bin/run-parts", "run-parts /etc/cron.hourly", "/usr/bin/dash", "/bin/sh -c run-parts /etc/cron.hourly"},
	{"/usr/bin/grep", "grep -q ^btrfs /proc/filesystems", "/usr/bin/dash", "sh /usr/lib/btrfs/check.sh --all"},
	{"/usr/bin/python3.13", "/usr/bin/python3 -u /opt/shop/manage.py runworker --queue=mail --concurrency=4 --log-level=INFO", "/usr/lib/systemd/systemd", "/usr/lib/systemd/systemd --switched-root --system --deserialize=31"},
	{"/usr/sbin/php-fpm8.4", "php-fpm: pool www", "/usr/sbin/php-fpm8.4", "php-fpm: master process (/etc/php/8.4/fpm/php-fpm.conf)"},
	{"/usr/bin/convert-im6.q16", "/usr/bin/convert -resize 640x480> -quality 82 /var/www/shop/media/Product_0042.JPG /var/www/shop/cache/Product_0042_640.jpg", "/usr/sbin/php-fpm8.4", "php-fpm: pool www"},
	{"/usr/bin/git", "git -c core.fsmonitor=false rev-parse --verify --quiet refs/heads/main", "/usr/bin/node", "node /usr/lib/ci/agent/dist/index.js --workspace /srv/ci/work/1293"},
	{"/usr/lib/git-core/git", "/usr/lib/git-core/git index-pack --stdin --fix-thin --keep=fetch-pack 4711 on web-1 --pack_header=2,118", "/usr/bin/git", "git fetch --no-tags origin +refs/heads/*:refs/remotes/origin/*"},
	{"/usr/local/go/pkg/tool/linux_amd64/compile", "/usr/local/go/pkg/tool/linux_amd64/compile -o /tmp/go-build1182/b042/_pkg_.a -trimpath /tmp/go-build1182/b042=> -p github.com/acme/shop/internal/cart -lang=go1.26 -complete -buildid Zk3 -goversion go1.26.8 -c=2 -nolocalimports -importcfg /tmp/go-build1182/b042/importcfg -pack ./cart.go ./item.go", "/usr/local/go/bin/go", "go build ./..."},
	{"/usr/bin/sed", "sed -i s/^worker_processes.*/worker_processes 4;/ /etc/nginx/nginx.conf", "/usr/bin/bash", "/bin/bash /usr/local/sbin/tune-nginx"},
	{"/usr/bin/date", "date +%Y-%m-%dT%H:%M:%S%z", "/usr/bin/bash", "bash /usr/local/bin/backup --incremental --target s3://backups/web-1"},
	{"/usr/bin/tar", "tar --create --listed-incremental=/var/lib/backup/snar --exclude=*.log --file=- /var/www /etc", "/usr/bin/bash", "bash /usr/local/bin/backup --incremental --target s3://backups/web-1"},
	{"/usr/bin/gzip", "gzip -6", "/usr/bin/tar", "tar -czf /var/backups/etc.tar.gz /etc"},
	{"/usr/sbin/sshd", "sshd: ann [priv]", "/usr/sbin/sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"},
	{"/usr/bin/bash", "-bash", "/usr/sbin/sshd", "sshd: ann@pts/0"},
	{"/usr/bin/ls", "ls --color=auto -la /var/log/nginx", "/usr/bin/bash", "-bash"},
	{"/usr/bin/journalctl", "journalctl -u nginx.service --since=-10min --no-pager", "/usr/bin/bash", "-bash"},
	{"/usr/bin/dpkg-query", "dpkg-query --showformat=${db:Status-Status} ${Version}\\n --show libssl3t64", "/usr/bin/perl", "perl /usr/sbin/needrestart -m u -r l"},
	{"/usr/lib/apt/methods/https", "/usr/lib/apt/methods/https", "/usr/bin/apt-get", "apt-get -qq update"},
	{"/usr/lib/jvm/java-21-openjdk-amd64/bin/java", "/usr/lib/jvm/java-21-openjdk-amd64/bin/java -Xms2g -Xmx2g -XX:+UseG1GC -Djava.security.egd=file:/dev/urandom -Dlog4j2.formatMsgNoLookups=true -cp /opt/search/lib/* org.example.search.Bootstrap start --cluster web --data /var/lib/search", "/usr/lib/systemd/systemd", "/sbin/init"},
	{"/usr/lib/postgresql/17/bin/postgres", "postgres: 17/main: autovacuum worker shop", "/usr/lib/postgresql/17/bin/postgres", "/usr/lib/postgresql/17/bin/postgres -D /var/lib/postgresql/17/main -c config_file=/etc/postgresql/17/main/postgresql.conf"},
	{"/usr/bin/logrotate", "/usr/sbin/logrotate /etc/logrotate.conf", "/usr/lib/systemd/systemd", "/sbin/init"},
	{"/usr/bin/containerd-shim-runc-v2", "/usr/bin/containerd-shim-runc-v2 -namespace moby -id 5b7d1b0a2f3c4d5e6f708192a3b4c5d6e7f80910 -address /run/containerd/containerd.sock", "/usr/bin/containerd", "/usr/bin/containerd"},
	{"/usr/bin/runc", "runc --root /run/docker/runtime-runc/moby --log-format json exec --process /tmp/runc-process3310 --detach --pid-file /run/containerd/0f.pid 5b7d1b0a2f3c", "/usr/bin/containerd-shim-runc-v2", "/usr/bin/containerd-shim-runc-v2 -namespace moby -id 5b7d1b0a2f3c4d5e6f708192a3b4c5d6e7f80910"},
}

// benignEvents are the events of these.
func benignEvents(t testing.TB) (all []event.View) {
	for i, x := range benign {
		e := event.Process{
			Header: event.Header{Type: event.TypeProcess, Operation: event.OpStart, PID: uint32(4000 + i), StartTicks: 99, WallNs: 1795467600123456789},
			Origin: event.Origin{Host: "web-1", Collector: "process"},
			Actor: event.Actor{
				Name: x[0][strings.LastIndexByte(x[0], '/')+1:], Executable: x[0], CommandLine: strings.ReplaceAll(x[1], " ", "\x00"),
				Directory: "/", User: "www-data", UID: event.Known(33), PPID: 1, ParentExecutable: x[2], ParentCommandLine: x[3],
			},
		}
		all = append(all, parsed(t, e.Append(nil)))
	}
	return all
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
	return read(t, b.String(), sigma.Options{})
}
