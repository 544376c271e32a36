package main

import (
	"strings"
	"testing"
)

// TestWrongWordsAreAnsweredWithTheNearest of commands, flags, types and fields.
func TestWrongWordsAreAnsweredWithTheNearest(t *testing.T) {
	socket := pretend(t, nil)
	tests := []struct {
		args []string
		want string // empty: no word is near
	}{
		{[]string{"stauts"}, "do you mean status?"},
		{[]string{"weather"}, ""},
		{[]string{"help", "confg"}, "do you mean config?"},
		{[]string{"config", "chekc"}, "do you mean check?"},
		{[]string{"status", "--sokcet", "x"}, "do you mean --socket?"},
		{[]string{"status", "--fast"}, ""},
		{[]string{"fields", "proces"}, "do you mean process?"},
		{[]string{"tail", "events.none", "--where", "process.nme=x", "--timeout", "1ms", "--socket", socket}, "do you mean process.name?"},
		{[]string{"tail", "events.none", "--fields", "CommandLin", "--timeout", "1ms", "--socket", socket}, "do you mean CommandLine?"},
	}
	for _, tt := range tests {
		_, _, errs := run(t, tt.args...)
		if errs == "" || !strings.Contains(errs, tt.want) || tt.want == "" && strings.Contains(errs, "do you mean") {
			t.Errorf("%q: want %q, got %s", tt.args, tt.want, errs)
		}
	}
}
