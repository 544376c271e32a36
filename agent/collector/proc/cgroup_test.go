package proc

import (
	"strings"
	"testing"
)

func TestCgroups(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	other := strings.Repeat("fedcba9876543210", 4)
	tests := []struct {
		name, content string
		want          Cgroup
	}{
		{"the root", "0::/\n", Cgroup{}},
		{"a service", "0::/system.slice/ssh.service\n", Cgroup{Unit: "ssh.service"}},
		{"below a service", "0::/system.slice/foo.service/worker/1\n", Cgroup{Unit: "foo.service"}},
		{"a template", "0::/system.slice/system-getty.slice/getty@tty1.service\n", Cgroup{Unit: "getty@tty1.service"}},
		{"a session", "0::/user.slice/user-1000.slice/session-3.scope\n", Cgroup{Unit: "session-3.scope"}},
		{"a unit of a user's manager", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/mail.service\n", Cgroup{Unit: "mail.service"}},
		{"the manager itself", "0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", Cgroup{Unit: "init.scope"}},
		{"init", "0::/init.scope\n", Cgroup{Unit: "init.scope"}},
		{"a slice is no unit of a process", "0::/system.slice\n", Cgroup{}},
		{"docker, systemd driver", "0::/system.slice/docker-" + id + ".scope\n", Cgroup{id, "docker-" + id + ".scope"}},
		{"docker, cgroupfs driver", "0::/docker/" + id + "\n", Cgroup{Container: id}},
		{"containerd in kubernetes", "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-" + id + ".scope\n",
			Cgroup{id, "cri-containerd-" + id + ".scope"}},
		{"kubernetes, cgroupfs driver", "0::/kubepods/burstable/pod3f2a/" + id + "\n", Cgroup{Container: id}},
		{"cri-o", "0::/kubepods.slice/crio-" + id + ".scope\n", Cgroup{id, "crio-" + id + ".scope"}},
		{"podman", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope/container\n", Cgroup{id, "libpod-" + id + ".scope"}},
		{"the monitor of a container is not in it", "0::/machine.slice/libpod-conmon-" + id + ".scope\n", Cgroup{Unit: "libpod-conmon-" + id + ".scope"}},
		{"systemd in a container", "0::/docker/" + id + "/system.slice/nginx.service\n", Cgroup{id, "nginx.service"}},
		{"a container in a container", "0::/docker/" + id + "/docker/" + other + "\n", Cgroup{Container: other}},
		{"lxc", "0::/lxc.payload.web/system.slice/nginx.service\n", Cgroup{"web", "nginx.service"}},
		{"from inside of another cgroup namespace", "0::/../" + id + "\n", Cgroup{Container: id}},
		{"a cgroup that was removed", "0::/system.slice/foo.service (deleted)\n", Cgroup{Unit: "foo.service"}},
		{"version 1", "5:memory:/docker/" + id + "\n1:name=systemd:/docker/" + id + "\n", Cgroup{Container: id}},
		{"both versions", "1:name=systemd:/system.slice/ssh.service\n0::/\n", Cgroup{Unit: "ssh.service"}},
		{"a container in one hierarchy of version 1 only", "3:memory:/docker/" + id + "\n1:name=systemd:/\n0::/\n", Cgroup{Container: id}},
		{"digits that are too few", "0::/docker/0123456789ab\n", Cgroup{}},
		{"something else of that length", "0::/" + strings.Repeat("g", 64) + "\n", Cgroup{}},
		{"empty", "", Cgroup{}},
		{"no line as it should be", "nonsense\n0:\n::\n", Cgroup{}},
		{"cut in the last line", "0::/\n1:name=systemd:/system.slice/ssh.serv", Cgroup{}},
		{"a dot alone is no unit", "0::/.service/x.scope\n", Cgroup{Unit: "x.scope"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseCgroup([]byte(tt.content)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestWhatIsRememberedOfCgroupsIsBounded(t *testing.T) {
	c := cgroups{}
	for i := range 3 * maxCgroups {
		c.parse([]byte("0::/" + strings.Repeat("x", i%7) + "/" + string(rune(0x4e00+i)) + ".service\n"))
		if len(c) > maxCgroups {
			t.Fatalf("%d are remembered, want %d at most", len(c), maxCgroups)
		}
	}
}
