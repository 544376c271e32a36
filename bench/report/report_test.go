package report_test

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/bench/report"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// golden compares got with a file of testdata, or writes that file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test ./bench/report -update accepts):\n%s", path, diff)
	}
}

func sample() *report.Document {
	table := report.Table{
		Title: "Throughput",
		Head:  []string{"size", "system", "deliveries/s", "× floor"},
		Left:  2,
		Notes: []string{"Medians of 3 rounds."},
	}
	table.Add("128 B", "relay-batched", "7.6 M", "floor")
	table.Add("128 B", "a broker | with a bar", "5.12 M", "0.67")
	table.Add("16 KiB", "relay-batched")

	seconds := func(v float64) string { return report.Duration(time.Duration(v * 1e9)) }
	latency := report.Plot{
		X: report.PercentileAxis(),
		Y: report.LogAxis("latency", 60e-6, 3e-3, seconds),
		Lines: []report.Line{
			{Name: "relay-plain", Colour: report.Orange, Floor: true, Points: quantiles(110e-6)},
			{Name: "broker <x>", Colour: report.Blue, Points: quantiles(80e-6)},
			{Name: "broker <x>, later", Colour: report.Blue, Other: true, Points: quantiles(400e-6)},
		},
		Marks: []report.Mark{
			{Low: 0, High: 4, Y: math.Log10(1e-3), Label: "1 ms"},
			{Low: report.PercentileAt(0.4), High: report.PercentileAt(0.6), Y: math.Log10(77e-6), Colour: report.Blue},
		},
	}
	sizes := report.Axis{Label: "message size", High: 2, Ticks: []report.Tick{{0, "128 B"}, {1, "1 KiB"}, {2, "16 KiB"}}}
	rates := report.LogAxis("deliveries/s", 40e3, 8e6, report.Count)
	fan := func(title string, factor float64) report.Plot {
		points := []report.Point{{0, math.Log10(7e6 * factor)}, {1, math.Log10(1e6 * factor)}, {2, math.Log10(90e3 * factor)}}
		return report.Plot{Title: title, X: sizes, Y: rates, Lines: []report.Line{{Name: "relay-batched", Colour: report.Vermillion, Floor: true, Dots: true, Points: points}}}
	}
	return &report.Document{
		Title:   "Figures",
		Machine: report.Machine{CPU: "Some CPU", Cores: 2, Kernel: "Linux 6.1", Go: "go1.26", Commit: "0123456789ab", Load: "0.10 0.20 0.30"},
		Command: "make bench",
		Sections: []report.Section{
			{Title: "Throughput", Text: "With a window.", Tables: []report.Table{table},
				Figures: []report.Figure{{Name: "throughput", Title: "Throughput by size", Plots: []report.Plot{fan("1→1", 1), fan("1→4", 0.6)}}}},
			{Title: "Latency", Figures: []report.Figure{{Name: "latency", Title: "Latency at 10,000 msg/s", Note: "3 rounds of 2 s", Plots: []report.Plot{latency}}}},
		},
	}
}

// quantiles is a made-up distribution.
func quantiles(median float64) []report.Point {
	var points []report.Point
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 0.9999} {
		points = append(points, report.Point{X: report.PercentileAt(q), Y: math.Log10(median * (1 + 2*report.PercentileAt(q)))})
	}
	return points
}

func TestDocumentIsWrittenAsTextAndFigures(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := sample().Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.md", "throughput.svg", "latency.svg"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, string(b))
	}
}

func TestPutReplacesASectionOfTheSameTitle(t *testing.T) {
	d := sample()
	d.Put(report.Section{Title: "Throughput", Text: "Again."})
	d.Put(report.Section{Title: "Memory"})
	var titles []string
	for _, s := range d.Sections {
		titles = append(titles, s.Title)
	}
	if diff := cmp.Diff([]string{"Throughput", "Latency", "Memory"}, titles); diff != "" {
		t.Errorf("sections (-want +got):\n%s", diff)
	}
	if text := d.Markdown(); !strings.Contains(text, "Again.") || strings.Contains(text, "With a window.") {
		t.Error("the old section is still there")
	}
}

func TestNumbersHaveThreeDigitsAndAUnit(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{report.Count(0), "0"},
		{report.Count(512), "512"},
		{report.Count(999.7), "1.00 k"},
		{report.Count(4_930_000), "4.93 M"},
		{report.Count(12_345_678), "12.3 M"},
		{report.Count(0.125), "0.12"},
		{report.Bytes(128), "128 B"},
		{report.Bytes(16384), "16 KiB"},
		{report.Bytes(3<<20 + 200<<10), "3.20 MiB"},
		{report.Bytes(-2048), "-2 KiB"},
		{report.Bytes(5 << 30), "5 GiB"},
		{report.Duration(0), "0 ns"},
		{report.Duration(113 * time.Microsecond), "113 µs"},
		{report.Duration(1_240 * time.Microsecond), "1.24 ms"},
		{report.Duration(999_900), "1.00 ms"},
		{report.Duration(3 * time.Second), "3 s"},
		{report.Ratio(3, 4), "0.75"},
		{report.Ratio(3, 0), report.Absent},
		{report.Percent(0.254), "25.4 %"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestLogAxisHoldsItsRange(t *testing.T) {
	for _, r := range [][2]float64{{60e-6, 3e-3}, {1, 1}, {1, 10}, {40e3, 8e6}, {3, 9e9}} {
		a := report.LogAxis("", r[0], r[1], report.Count)
		if a.Low > math.Log10(r[0]) || a.High < math.Log10(r[1]) || a.Low >= a.High {
			t.Errorf("axis of %v goes from %v to %v", r, a.Low, a.High)
		}
		if n := len(a.Ticks); n < 2 || n > 13 {
			t.Errorf("axis of %v has %d ticks", r, n)
		}
	}
}

func TestThisMachineKnowsItself(t *testing.T) {
	m := report.ThisMachine()
	if m.CPU == "" || m.Cores < 1 || m.Kernel == "" || m.Go == "" || m.Commit == "" || m.Load == "" {
		t.Errorf("%+v", m)
	}
}
