package redact_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/output/redact"
)

func redactor(t testing.TB, o redact.Options) *redact.Redactor {
	t.Helper()
	r, err := redact.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGoldenCases(t *testing.T) {
	text, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	r := redactor(t, redact.Options{})
	in, body, n := "", "", 0
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimLeft(rest, " ")
		n++
		switch word {
		case "in":
			in = rest
		case "out", "keep":
			if word == "keep" {
				in = rest
			}
			got, changed := r.Text(in)
			if got != rest || changed != (word == "out") {
				t.Errorf("line %d: %s\n gives %s\n  want %s", i+1, in, got, rest)
			}
		case "json":
			body = rest
		case "gives":
			if diff := cmp.Diff(rest, string(r.JSON([]byte(body)))); diff != "" {
				t.Errorf("line %d (-want +got):\n%s", i+1, diff)
			}
		default:
			t.Fatalf("line %d: %s is no word of this file", i+1, word)
		}
	}
	if n < 100 {
		t.Errorf("only %d lines", n)
	}
}

func TestPatternsOfAnOperator(t *testing.T) {
	tests := []struct {
		name, in, want string
		o              redact.Options
	}{
		{"the first group", `{"a":"card 4111-1111 x","b":"password=y"}`, `{"a":"card [redacted] x","b":"password=[redacted]","redacted":["a","b"]}`, redact.Options{Patterns: []string{`card (\d+-\d+)`}}},
		{"the group secret", `{"a":"card 4111"}`, `{"a":"card [redacted]","redacted":["a"]}`, redact.Options{Patterns: []string{`(card) (?P<secret>\d+)`}}},
		{"the whole match", `{"a":"x 4111 y"}`, `{"a":"x [redacted] y","redacted":["a"]}`, redact.Options{Patterns: []string{`\d+`}}},
		{"no defaults", `{"a":"4111 password=y","password":"z"}`, `{"a":"[redacted] password=y","password":"z","redacted":["a"]}`, redact.Options{Patterns: []string{`\d+`}, NoDefaults: true}},
		{"nothing at all", `{"password":"y"}`, `{"password":"y"}`, redact.Options{NoDefaults: true}},
	}
	for _, tt := range tests {
		if got := string(redactor(t, tt.o).JSON([]byte(tt.in))); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, bad := range []string{"(", "", "x*"} {
		if _, err := redact.New(redact.Options{Patterns: []string{bad}}); err == nil {
			t.Errorf("pattern %q: no error", bad)
		}
	}
}

func TestABodyWithoutASecretIsReturnedItself(t *testing.T) {
	r := redactor(t, redact.Options{})
	body := []byte(`{"process":{"pid":1,"name":"bash","command_line":"bash -i"},"token_type":"x"}`)
	if got := r.JSON(body); &got[0] != &body[0] {
		t.Errorf("a copy: %s", got)
	}
}

// hostile are texts in which a search by trial and error would take a time that grows with
// the square of their length.
func hostile(n int) []string {
	return []string{
		strings.Repeat("a", n) + "=", strings.Repeat("password", n/8), strings.Repeat(`password="`, n/10), strings.Repeat("x://a:", n/6),
		strings.Repeat("mysql ", n/6), strings.Repeat("curl -u ", n/8), strings.Repeat("-----BEGIN PRIVATE KEY-----", n/27), strings.Repeat("a-token-", n/8) + "file=x",
		strings.Repeat("eyJaaaaaaaa.", n/12), strings.Repeat("--token ", n/8), strings.Repeat(`"`, n), strings.Repeat("password=a]]]", n/13),
		"password " + strings.Repeat("a=", n/2), "password " + strings.Repeat("pwd=/", n/5), "password " + strings.Repeat("?pwd=/", n/6),
		"password " + strings.Repeat("a:", n/2), strings.Repeat(`password=\" `, n/12), strings.Repeat(`pwd='/`, n/6),
	}
}

// nested returns n objects in each other, around inner.
func nested(n int, name, inner string) string {
	return strings.Repeat(`{"`+name+`":`, n) + inner + strings.Repeat("}", n)
}

// TestTheWorkGrowsWithTheLengthOnly counts the bytes that are looked at: an algorithm that is
// not linear looks at some of them again and again. Regular expressions are linear by
// themselves.
func TestTheWorkGrowsWithTheLengthOnly(t *testing.T) {
	r := redactor(t, redact.Options{})
	long := strings.Repeat("n", 1000)
	for name, body := range map[string]func(n int) string{
		"a secret at each depth": func(n int) string {
			return strings.Repeat(`{"password":"x","a":`, n) + "1" + strings.Repeat("}", n)
		},
		"many secrets in a deep place": func(n int) string { return nested(n, "a", `{"x":[`+strings.Repeat(`"token=x",`, n)+`1]}`) },
		"many objects in a deep place": func(n int) string { return nested(n, "a", `[`+strings.Repeat(`{"token":"x"},`, n)+`1]`) },
		"many values of a long name": func(n int) string {
			return `{"token` + strings.Repeat("n", n) + `":[` + strings.Repeat(`"x",`, n) + `1]}`
		},
		"many pairs in each other": func(n int) string { return nested(n, "value", `{"name":"password","value":"x"}`) },
		"pairs of which the name is last": func(n int) string {
			return strings.Repeat(`{"value":`, n) + `"x"` + strings.Repeat(`,"name":"token"}`, n)
		},
		"long names":           func(n int) string { return nested(n/100+1, long, `{"token":"x"}`) },
		"a list that is there": func(n int) string { return `{"redacted":[` + strings.Repeat(`"x",`, n) + `"y"],"token":"x"}` },
	} {
		for _, n := range []int{500, 2000, 8000} {
			b := []byte(body(n))
			if work := r.Work(b); work > 8*len(b) {
				t.Errorf("%s: %d bytes are looked at for %d, which is %d times each", name, work, len(b), work/len(b))
			}
		}
	}
	for i, text := range hostile(1 << 16) {
		if work := redact.NameWork(text); work > 20*len(text) {
			t.Errorf("text %d, %.20q: %d bytes are looked at for %d", i, text, work, len(text))
		}
	}
}

func BenchmarkText(b *testing.B) {
	r := redactor(b, redact.Options{})
	for name, text := range map[string]string{
		"nothing": strings.Repeat("/usr/bin/find /var -name x -print ", 4),
		"secret":  "mysqldump --password=hunter2 -h db1 shop --single-transaction --quick --result-file=/var/backups/shop.sql",
	} {
		b.Run("text="+name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.Text(text)
			}
		})
	}
}

// TestAHostileTextEnds: with a search by trial and error it would not.
func TestAHostileTextEnds(t *testing.T) {
	const n = 1 << 20
	r := redactor(t, redact.Options{})
	for _, text := range hostile(n) {
		r.Text(text)
	}
	body := append(bytes.Repeat([]byte(`{"password":[`), 2000), bytes.Repeat([]byte("]}"), 2000)...)
	r.JSON(body)
}
