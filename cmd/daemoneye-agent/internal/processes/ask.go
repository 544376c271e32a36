package processes

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
)

// process is one of the table.
type process struct {
	display.Record
	raw       json.RawMessage
	pid, ppid int
	start     string // as the JSON has it, which sorts by time
}

// timeout is how long all of the table may take.
const timeout = 10 * time.Second

// ask returns the processes that the agent knows, by pid.
func ask(ctx context.Context, t *cli.Target) ([]process, error) {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client, err := t.Dial(waiting, ipc.ClientOptions{Name: "processes"})
	if err != nil {
		return nil, cli.Late(ctx, waiting, err)
	}
	defer client.Close()
	var all []process
	for after := uint32(0); ; {
		var done control.TaskResult
		task := control.Task{Task: "processes", Args: json.RawMessage(fmt.Sprintf(`{"after":%d}`, after)), Repeatable: true}
		q := control.Request{Operation: control.OpExecuteTask, Target: "process", Payload: control.Payload(task)}
		if _, err := control.Call(waiting, client, control.OperationTarget, q, &done); err != nil {
			return nil, cli.Late(ctx, waiting, err)
		}
		var page struct {
			Processes []json.RawMessage `json:"processes"`
			Last      uint32            `json:"last"`
			More      bool              `json:"more"`
		}
		if err := json.Unmarshal(done.Result, &page); err != nil {
			return nil, fmt.Errorf("answer of the collector: %w", err)
		}
		for _, raw := range page.Processes {
			r, ok := display.ParseJSON(raw)
			if !ok {
				return nil, fmt.Errorf("answer of the collector: %.80q is no process", raw)
			}
			x := process{Record: r, raw: raw, pid: number(r, "process.pid"), ppid: number(r, "process.parent.pid")}
			x.start, _ = r.Field("process.start")
			all = append(all, x)
		}
		if !page.More || page.Last <= after {
			return all, nil
		}
		after = page.Last
	}
}

func number(r display.Record, name string) int {
	text, _ := r.Field(name)
	n, _ := strconv.Atoi(text) // 0 where there is none
	return n
}

// text is a field, or what stands for one that is not known.
func (x *process) text(name string) string {
	if s, ok := x.Field(name); ok && s != "" {
		return s
	}
	return "-"
}

// user is the name of the user, or its number.
func (x *process) user() string {
	if s := x.text("user.name"); s != "-" {
		return s
	}
	return x.text("user.id")
}

// command is the command line; of a process that has none its name in brackets, as ps
// prints it.
func (x *process) command() string {
	if s := x.text("process.command_line"); s != "-" {
		return s
	}
	return "[" + x.text("process.name") + "]"
}

// started is when the process began, on the clock today and else by its day.
func (x *process) started(now time.Time) string {
	t, err := time.Parse(time.RFC3339Nano, x.start)
	if err != nil {
		return "-"
	}
	t = t.In(now.Location())
	if y, m, d := t.Date(); y == now.Year() && m == now.Month() && d == now.Day() {
		return t.Format("15:04:05")
	}
	return t.Format("Jan _2")
}

// print prints a process a line for people, or its JSON for programs. indent is by how far
// the command of each stands back.
func print(p *cli.Program, all []process, indent []int, lines bool) error {
	width := p.Out.Width()
	if width == 0 && !lines {
		for i := range all {
			if _, err := fmt.Fprintf(p.Out, "%s\n", display.AppendJSON(nil, all[i].raw)); err != nil {
				return err
			}
		}
		return nil
	}
	var table display.Table
	table.Row("PID", "PPID", "USER", "START", "COMMAND")
	now := time.Now()
	for i := range all {
		x := &all[i]
		command := x.command()
		if indent != nil {
			command = fmt.Sprintf("%*s%s", 2*indent[i], "", command)
		}
		table.Row(x.pid, x.ppid, x.user(), x.started(now), command)
	}
	return table.Write(p.Out, width)
}
