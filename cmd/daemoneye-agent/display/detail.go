package display

import (
	"net"
	"strconv"
	"strings"
)

// detail is what matters most about a message, beside what stands in its columns.
func detail(m *Message) string {
	r := m.Record
	category, _ := r.Field("event.category")
	action, _ := r.Field("event.action")
	switch {
	case action == "gap":
		return gap(r)
	case category == "process" && action == "exit":
		return exit(r)
	case action == "credentials":
		return credentials(r)
	case action == "integrity":
		return integrity(r)
	case category == "process":
		return first(r, "process.command_line", "process.executable") + from(r)
	case category == "network" && action == "sample":
		return traffic(r)
	case category == "network":
		return connection(r)
	case category == "file":
		return file(r)
	case category == "host":
		return usage(r)
	}
	return m.Text
}

// first returns the first of the fields that has a value.
func first(r Record, names ...string) string {
	for _, name := range names {
		if text, _ := r.Field(name); text != "" {
			return text
		}
	}
	return ""
}

// join puts a space between what is not empty.
func join(parts ...string) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, " ")
}

// labelled is label and the field's value, or nothing without one.
func labelled(r Record, label, name string) string {
	if text, _ := r.Field(name); text != "" {
		return label + text
	}
	return ""
}

func from(r Record) string {
	pid, _ := r.Field("process.parent.pid")
	if pid == "" || pid == "0" {
		return ""
	}
	return " < " + first(r, "process.parent.name") + "[" + pid + "]"
}

func exit(r Record) string {
	how := labelled(r, "code ", "process.exit_code")
	if signal := labelled(r, "signal ", "process.exit_signal"); signal != "" {
		how = signal
	}
	return join(how, first(r, "process.executable"))
}

// credentials returns whose the process was before.
func credentials(r Record) string {
	return join(labelled(r, "was user ", "daemoneye.previous.user_id"), labelled(r, "was group ", "daemoneye.previous.group_id"),
		first(r, "process.command_line", "process.executable"))
}

func integrity(r Record) string {
	hash := labelled(r, "sha256 ", "process.hash.sha256")
	if hash == "" {
		hash = "not hashed"
	}
	return join(first(r, "process.executable"), hash, labelled(r, "was ", "daemoneye.previous.sha256"))
}

func traffic(r Record) string {
	return join(first(r, "system.network.name"), size(r, "in ", "system.network.in.bytes"), size(r, "out ", "system.network.out.bytes"),
		labelled(r, "errors ", "system.network.in.errors"), labelled(r, "dropped ", "system.network.in.dropped"))
}

func gap(r Record) string {
	lost := first(r, "daemoneye.gap.lost")
	if lost == "" || lost == "0" {
		lost = "an unknown number"
	}
	return join(lost, "lost:", first(r, "daemoneye.gap.reason")) // the reason names what
}

func connection(r Record) string {
	if question := first(r, "dns.question.name"); question != "" {
		return join(question, first(r, "dns.question.type"), first(r, "dns.response_code"), first(r, "dns.answers.data"))
	}
	if first(r, "source.ip", "source.port") == "" && first(r, "destination.ip") != "" { // a port that is listened on
		return join(first(r, "network.transport"), endpoint(r, "destination"))
	}
	return join(first(r, "network.transport"), endpoint(r, "source"), ">", endpoint(r, "destination"), first(r, "destination.domain"),
		size(r, "up ", "source.bytes"), size(r, "down ", "destination.bytes"))
}

func endpoint(r Record, side string) string {
	ip, port := first(r, side+".ip"), first(r, side+".port")
	if ip == "" && port == "" {
		return "?"
	}
	return net.JoinHostPort(ip, port)
}

func file(r Record) string {
	path := first(r, "file.path")
	if before := first(r, "daemoneye.previous_path"); before != "" {
		path = before + " > " + path
	}
	changes := labelled(r, "", "daemoneye.bulk.changes")
	if changes != "" {
		changes += " changes, " + labelled(r, "renamed ", "daemoneye.bulk.renames") + ", " + labelled(r, "deleted ", "daemoneye.bulk.deletes")
	}
	return join(path, labelled(r, "mode ", "file.mode"), changes)
}

func usage(r Record) string {
	if metric := first(r, "daemoneye.anomaly.metric"); metric != "" {
		return join(first(r, "system.filesystem.mount_point"), metric, percent(r, "", "daemoneye.anomaly.value"),
			percent(r, "limit ", "daemoneye.anomaly.limit"), labelled(r, "since ", "daemoneye.anomaly.since"))
	}
	return join(
		first(r, "system.diskio.name", "system.filesystem.mount_point", "system.network.name"),
		percent(r, "cpu ", "host.cpu.usage"), labelled(r, "load ", "system.load.1"), size(r, "memory ", "system.memory.actual.used.bytes"),
		percent(r, "cpu ", "system.process.cpu.total.pct"), size(r, "rss ", "system.process.memory.rss.bytes"),
		percent(r, "busy ", "daemoneye.disk.busy"), size(r, "read ", "host.disk.read.bytes"), size(r, "written ", "host.disk.write.bytes"),
		size(r, "used ", "system.filesystem.used.bytes"), percent(r, "", "system.filesystem.used.pct"),
		size(r, "in ", "host.network.ingress.bytes"), size(r, "out ", "host.network.egress.bytes"),
	)
}

// percent is label and a ratio in percent, or nothing where there is none.
func percent(r Record, label, name string) string {
	text, _ := r.Field(name)
	ratio, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return ""
	}
	return label + strconv.FormatFloat(100*ratio, 'f', 1, 64) + "%"
}

// size is label and a number of bytes with a unit, or nothing where there is none.
func size(r Record, label, name string) string {
	text, _ := r.Field(name)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return ""
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; n >= 1024 && i < len(units)-1; i++ {
		n /= 1024
	}
	if i == 0 {
		return label + text + "B"
	}
	return label + strconv.FormatFloat(n, 'f', 1, 64) + units[i]
}
