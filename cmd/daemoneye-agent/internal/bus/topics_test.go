package bus

import (
	"testing"
	"time"
)

// TestEachCellOfTopicsFitsItsColumn, whatever is in it.
func TestEachCellOfTopicsFitsItsColumn(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0s", 1500 * time.Millisecond: "1.5s", 9949 * time.Millisecond: "9.9s", 10 * time.Second: "10s", 119 * time.Second: "119s",
		2 * time.Minute: "2m", 119 * time.Minute: "119m", 2 * time.Hour: "2h", 99999 * time.Hour: "99999h",
	} {
		if got := ageText(d); got != want || len(got) > 6 {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
	for r, want := range map[float64]string{0: "0", 0.05: "0.05", 1: "1", 12.34: "12", 99: "99", 100: "100", 123456.7: "123457", 9e8: "900000000"} {
		if got := rateText(r); got != want || len(got) > 9 {
			t.Errorf("%v is written %q, want %q", r, got, want)
		}
	}
	for _, n := range []int{1, 35, 36, 37, 255} {
		topic := make([]byte, n)
		for i := range topic {
			topic[i] = 'a' + byte(i%26)
		}
		got := middleCut(string(topic), 36)
		if len(got) != min(n, 36) || got[0] != topic[0] || got[len(got)-1] != topic[n-1] {
			t.Errorf("a topic of %d bytes is written %q", n, got)
		}
	}
}
