package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/daemoneye/eventbus/bench/proc"
)

// runParts has a program measure the parts of the broker, and returns nanoseconds an
// element by part, and the share of the machine that others had meanwhile.
func runParts(ctx context.Context, p proc.Program) (parts map[string]float64, others float64, err error) {
	cmd := exec.CommandContext(ctx, string(p), "-test.run=^$", "-test.bench=^BenchmarkParts$", "-test.benchtime=1x", "-test.timeout=5m")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "BENCH_") { // an older program reads how much to measure from there
			cmd.Env = append(cmd.Env, v)
		}
	}
	watch := proc.StartWatch()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, 0, fmt.Errorf("%w\n%s", err, out)
	}
	others, _ = watch.Stop().Others(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
	if parts = parseParts(out); len(parts) == 0 {
		return nil, 0, fmt.Errorf("no parts in the output:\n%s", out)
	}
	return parts, others, nil
}

// Names of parts, as they stand behind the name of the benchmark.
const (
	ringSingly    = "part=ring/what=stream/batch=1"
	ringBy64      = "part=ring/what=stream/batch=64"
	ringPushPop   = "part=ring/what=push+pop"
	channelStream = "part=channel/what=stream"
	channelSend   = "part=channel/what=send+receive"
	routed1to1    = "part=router/what=delivery/pubs=1/subs=1"
	routed1to4    = "part=router/what=delivery/pubs=1/subs=4"
)

// oldNames are the units of commit 8bac1d7, which had all parts in one line.
var oldNames = map[string]string{
	"ring/stream-singly-ns":    ringSingly,
	"ring/stream-by-64-ns":     ringBy64,
	"ring/push+pop-ns":         ringPushPop,
	"channel/stream-ns":        channelStream,
	"channel/send+receive-ns":  channelSend,
	"router/1→1-deliveries-ns": routed1to1,
	"router/1→4-deliveries-ns": routed1to4,
}

// parseParts reads the lines of BenchmarkParts: a part each, in ns/element, or all in
// one as commit 8bac1d7 writes them.
func parseParts(out []byte) map[string]float64 {
	const unit = "ns/element"
	parts := make(map[string]float64)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "BenchmarkParts") {
			continue
		}
		_, name, _ := strings.Cut(processors.ReplaceAllString(fields[0], ""), "/")
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil || v <= 0 {
				continue
			}
			if old, known := oldNames[fields[i+1]]; known {
				parts[old] = v
			} else if fields[i+1] == unit {
				parts[name] = v
			}
		}
	}
	return parts
}

// processors is what the testing package appends to a name.
var processors = regexp.MustCompile(`-[0-9]+$`)
