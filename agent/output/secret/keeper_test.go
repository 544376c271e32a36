package secret_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/output/secret"
)

func TestAKeeperTakesItsSecretsOutOfATexts(t *testing.T) {
	t.Setenv("KEPT_TOKEN", `to"k<en/1+2 3`)
	t.Setenv("KEPT_URL", "https://joe:pa%20ss@hook.example/services/T012/B345/abcDEF?key=v%2F4&x=&sig=s5x5&v=1#f6")
	t.Setenv("KEPT_HEADER", "Splunk 0123-4567")
	t.Setenv("KEPT_SHORT", "ab")
	k := &secret.Keeper{}
	for ref, read := range map[string]func(string) (string, error){
		"env:KEPT_TOKEN": k.Read, "env:KEPT_URL": k.URL, "env:KEPT_HEADER": k.Header, "env:KEPT_SHORT": k.Read,
		"nats://a:1,nats://tok7en@b:2,tls://u8:p9w0@c": k.URL,
	} {
		if _, err := read(ref); err != nil {
			t.Fatal(err)
		}
	}
	if h, err := k.Basic("joe", "env:KEPT_TOKEN"); err != nil || !strings.HasPrefix(h, "Basic ") {
		t.Errorf("%q, %v", h, err)
	}
	const m = secret.Mark
	tests := []struct{ name, in, want string }{
		{"as it stands", `no to"k<en/1+2 3 here`, "no " + m + " here"},
		{"in a query", "x?t=" + url.QueryEscape(`to"k<en/1+2 3`) + "&u", "x?t=" + m + "&u"},
		{"in a path", "x/" + url.PathEscape(`to"k<en/1+2 3`) + "/u", "x/" + m + "/u"},
		{"in JSON", `{"t":"to\"k\u003cen/1+2 3"}`, `{"t":"` + m + `"}`},
		{"in HTML", `<b>to&#34;k&lt;en/1+2 3</b>`, `<b>` + m + `</b>`},
		{"as basic authentication", "got Basic am9lOnRvImo8ZW4vMSsyIDM=", "got Basic am9lOnRvImo8ZW4vMSsyIDM="}, // of another password
		{"a URL in an error", `Post "https://joe:***@hook.example/services/T012/B345/abcDEF?key=v%2F4&x=&sig=s5x5&v=1": refused`, `Post "https://joe:***@hook.example/` + m + `?` + m + `": refused`},
		{"parts of a URL", "no hook abcDEF of B345, s5x5, pa ss, v/4, 1", "no hook " + m + " of B345, " + m + ", " + m + ", v/4, 1"},
		{"words of a URL stay", "hook.example: services are down", "hook.example: services are down"},
		{"the last word of a header", "0123-4567 is no token", m + " is no token"},
		{"a short one is a word", "tab ab (ab) about", "tab " + m + " (" + m + ") about"},
		{"users of NATS", "nats://tok7en@b:2: no; p9w0", "nats://" + m + "@b:2: no; " + m},
		{"one that is cut", `the token to"k<en`, "the token " + m},
		{"nothing", "connection refused", "connection refused"},
	}
	for _, tt := range tests {
		if got := k.Mask(tt.in); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestAKeeperKnowsTheOldSecretToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	k := &secret.Keeper{}
	for _, text := range []string{"old-secret", "new-secret"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Read("file:" + path); err != nil {
			t.Fatal(err)
		}
	}
	if got := k.Mask("old-secret new-secret"); got != secret.Mark+" "+secret.Mark {
		t.Error(got)
	}
}

func TestWhereAnAddressIs(t *testing.T) {
	for address, want := range map[string]string{
		"https://joe:pw@hook.example:8443/T0/x?k=v": "https://hook.example:8443",
		"file:/run/url":                    "file:/run/url",
		"env:URL":                          "env:URL",
		"unix:/dev/log":                    "unix:/dev/log",
		"tls://siem:6514":                  "tls://siem:6514",
		"nats://u:pw@a:4222,tls://token@b": "nats://a:4222,tls://b",
		"https://joe:p%zz@hook.example/x":  secret.Mark,
		"hunter2":                          secret.Mark,
	} {
		if got := secret.Where(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
