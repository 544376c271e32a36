package reader

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSizes(t *testing.T) {
	tests := []struct {
		text string
		want Size // -1 for none
	}{
		{"0", 0}, {"1", 1}, {"1000", 1000}, {"1B", 1},
		{"1KiB", 1024}, {"1 KiB", 1024}, {"1.5KiB", 1536}, {"0.5MiB", 512 << 10}, {"1.5GiB", 3 << 29},
		{"1kB", 1000}, {"1KB", 1000}, {"2.5MB", 2_500_000}, {"1TB", 1e12}, {"1TiB", 1 << 40},
		{"9223372036854775807", 1<<63 - 1},
		{"9223372036854775808", -1}, {"9007199254740992KiB", -1}, {"99999999999999999999999999999999999", -1},
		{"", -1}, {"KiB", -1}, {"1.KiB", -1}, {".5KiB", -1}, {"1.0001KiB", -1}, {"0.5", -1}, {"0.5B", -1},
		{"-1", -1}, {"+1", -1}, {"1e3", -1}, {"0x10", -1}, {"1_000", -1}, {"1K", -1}, {"1M", -1}, {"1kib", -1},
		{"1 KiB ", -1}, {" 1KiB", -1}, {"1/2KiB", -1}, {"one", -1}, {"1KiBKiB", -1},
	}
	for _, tt := range tests {
		got, err := ParseSize(tt.text)
		if err != nil {
			got = -1
		}
		if got != tt.want {
			t.Errorf("%q is %d, want %d", tt.text, got, tt.want)
		}
	}
}

func TestDurations(t *testing.T) {
	tests := []struct {
		text    string
		seconds bool
		want    time.Duration // -1 for none
	}{
		{"30s", false, 30 * time.Second}, {"1h30m", false, 90 * time.Minute}, {"500µs", false, 500 * time.Microsecond},
		{"500us", false, 500 * time.Microsecond}, {"1.5s", false, 1500 * time.Millisecond}, {"0", false, 0},
		{"2d", false, 48 * time.Hour}, {"1d12h", false, 36 * time.Hour},
		{"30", false, -1}, {"30", true, 30 * time.Second}, {"030", true, 30 * time.Second}, {"2m", true, 2 * time.Minute},
		{"1.5", true, -1}, {"", true, -1}, {"", false, -1}, {"s", false, -1}, {"1x", false, -1}, {"+1s", false, -1},
		{"1d-5h", false, -1}, {"1d 5h", false, -1}, {"-1d", false, -1}, {"d", false, -1}, {"1dd", false, -1}, {"1e9s", false, -1},
		{"106751d", false, 106751 * 24 * time.Hour}, {"106752d", false, -1}, {"106751d100000h", false, -1},
		{"9223372036854775807", true, -1}, {"1 s", false, -1}, {"30s ", false, -1},
	}
	for _, tt := range tests {
		got, err := ParseDuration(tt.text, tt.seconds)
		if err != nil {
			got = -1
		}
		if got != tt.want {
			t.Errorf("%q (seconds: %v) is %v, want %v", tt.text, tt.seconds, got, tt.want)
		}
	}
	if d, err := ParseDuration("-1ms", false); d != -time.Millisecond || err != nil {
		t.Errorf("-1ms is %v, %v: the bounds are to refuse it, not the reader", d, err)
	}
}

func TestWhatIsWrittenIsReadAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Size(rapid.Int64Min(0).Draw(t, "size"))
		if back, err := ParseSize(s.String()); back != s || err != nil {
			t.Fatalf("size %d is written %s, and read as %d, %v", s, s, back, err)
		}
		d := time.Duration(rapid.Int64().Draw(t, "duration"))
		seconds := rapid.Bool().Draw(t, "seconds")
		text := durationText(d, seconds)
		if back, err := ParseDuration(text, seconds); back != d || err != nil {
			t.Fatalf("duration %d is written %s, and read as %d, %v", d, text, back, err)
		}
	})
}

func TestShortTexts(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Minute: "1h30m", time.Minute: "1m", time.Second: "1s", 0: "0s",
		10 * time.Second: "10s", 20 * time.Minute: "20m", time.Hour + time.Second: "1h0m1s", 500 * time.Microsecond: "500µs",
	} {
		if got := durationText(d, false); got != want {
			t.Errorf("%d is written %s, want %s", d, got, want)
		}
	}
	if got := durationText(90*time.Second, true); got != "90" {
		t.Errorf("90 s are written %s where a number is in seconds", got)
	}
}
