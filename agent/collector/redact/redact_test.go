package redact_test

import (
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector/redact"
)

func TestOnlyTheValueIsReplaced(t *testing.T) {
	tests := []struct {
		name     string
		patterns []string
		line     string
		want     string
	}{
		{"no pattern", nil, "curl\x00-u\x00ann:secret\x00", "curl\x00-u\x00ann:secret\x00"},
		{"a group", []string{`--password[= ](\S+)`}, "db\x00--password=secret\x00-v\x00", "db\x00--password=*****\x00-v\x00"},
		{"across arguments", []string{`--password[= ](\S+)`}, "db\x00--password\x00secret\x00-v\x00", "db\x00--password\x00*****\x00-v\x00"},
		{"no group", []string{`hunter2`}, "a\x00hunter2hunter2\x00", "a\x00*****\x00"},
		{"several groups and matches", []string{`(\w+):(\w+)@`}, "x\x00a:b@h\x00c:d@h\x00", "x\x00*****:*****@h\x00*****:*****@h\x00"},
		{"a group that is not part of the match", []string{`-p(x)?(\d+)`}, "a\x00-p77\x00", "a\x00-p*****\x00"},
		{"overlapping patterns", []string{`secre(\w+)`, `(secr)`}, "secrets\x00", "*****e*****\x00"},
		{"nothing matches", []string{`-p (\S+)`}, "ls\x00-l\x00", "ls\x00-l\x00"},
		{"bytes that are no UTF-8", []string{`k=(\S+)`}, "a\xff\x00k=\xfe\xfd\x00z", "a\xff\x00k=*****\x00z"},
		{"an empty group", []string{`k=(\S*)`}, "k=\x00", "k=\x00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := redact.New(redact.Patterns{Redact: tt.patterns})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time by memory
				got, changed := r.Text(tt.line)
				if got != tt.want || changed != (tt.want != tt.line) {
					t.Errorf("%q, changed %v, want %q", got, changed, tt.want)
				}
			}
		})
	}
}

func TestWhatIsNoPattern(t *testing.T) {
	for _, p := range [][]string{{"("}, {`(?=x)`}, {strings.Repeat("x", redact.MaxPattern+1)}, strings.Split(strings.Repeat("x ", redact.MaxPatterns)+"x", " ")} {
		if _, err := redact.New(redact.Patterns{Redact: p}); err == nil {
			t.Errorf("%.20q are patterns", p)
		}
	}
}

// TestAHostileLineTakesLinearTime: with one that tracks back it would not end.
func TestAHostileLineTakesLinearTime(t *testing.T) {
	r, err := redact.New(redact.Patterns{Redact: []string{`(a*)*b`, `(x+x+)+y`}})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		r.Text(strings.Repeat("a", 4096) + strings.Repeat("x", 4096))
	}
}
