package redact

import (
	"regexp"
	"strings"
)

// pattern finds one kind of secret.
type pattern struct {
	// guards is a set of which one is in every text that the expression matches; 0 for a
	// pattern that has to be searched in each text.
	guards uint64
	expr   *regexp.Regexp
	// secrets are the groups of which one is the secret; none means the whole match.
	secrets []int
}

func compiled(re *regexp.Regexp, guards uint64) pattern {
	p := pattern{guards: guards, expr: re}
	for i, name := range re.SubexpNames() {
		if strings.HasPrefix(name, "secret") {
			p.secrets = append(p.secrets, i)
		}
	}
	return p
}

// spaced is a value behind a blank: in quotes, or up to the next blank. A hyphen begins the
// next flag.
const spaced = `(?:"(?P<secret1>[^"]+)"|'(?P<secret2>[^']+)'|(?P<secret3>[^\s"'-]\S*))`

// defaults are the patterns that hold without any configuration, beside names (name.go).
var defaults = []struct {
	guards []string
	expr   string
}{
	{[]string{"private key-----"}, `-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?P<secret>[^-]+)`},
	// Headers: all that follows, but for the word that names the kind of credential.
	{[]string{"authorization"}, `(?i)authorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|digest|token|negotiate|ntlm|apikey|aws4-hmac-sha256)\s+)?(?P<secret>[^"'\r\n]+)`},
	{[]string{"cookie"}, `(?i)cookie["']?\s*:\s*["']?(?P<secret>[^"'\r\n]+)`},
	{[]string{"bearer"}, `(?i)\bbearer\s+(?P<secret>[a-z0-9._~+/=-]{8,})`},
	// user:password@ in a URL.
	{[]string{"://"}, `://[^\s/?#:@"']*:(?P<secret>[^\s/"']+)@`},
	// Programs that take a password without a name. The case of a flag counts: mysql -P is
	// the port, ldapsearch -W asks.
	{[]string{"mysql", "mariadb"}, `\b(?i:mysql[a-z]*|mariadb[a-z-]*)\s(?:[^|;]*?\s)?-p(?P<secret>[^\s"']+)`},
	{[]string{"sshpass"}, `\b(?i:sshpass)\s+(?:-[ev]\s+)*-p\s?` + spaced},
	{[]string{"curl", "wget"}, `\b(?:(?i:curl)\s(?:[^|;]*?\s)?(?:-[A-Za-z]*[uU]|--user|--proxy-user)|(?i:wget)\s(?:[^|;]*?\s)?--(?:proxy-)?user)[ =]?["']?[^\s:"']+:(?P<secret>[^\s"']+)`},
	{[]string{"redis-cli"}, `\b(?i:redis-cli)\s(?:[^|;]*?\s)?-a\s+` + spaced},
	{[]string{"ldap"}, `\b(?i:ldap[a-z]+)\s(?:[^|;]*?\s)?-w\s+` + spaced},
	{[]string{"smbclient", "rpcclient", "net ", "mount.cifs"}, `\b(?i:smbclient|rpcclient|net|mount\.cifs)\s(?:[^|;]*?\s)?-U\s?["']?[^\s%"']+%(?P<secret>[^\s"']+)`},
	{[]string{"openssl"}, `(?i)\bopenssl\s[^|;]*?\spass:(?P<secret>\S+)`},
	// Forms of keys that are theirs alone.
	{[]string{"akia", "asia"}, `\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`},
	{[]string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"}, `\bgh[pousr]_[A-Za-z0-9]{30,}`},
	{[]string{"github_pat_"}, `\bgithub_pat_[A-Za-z0-9_]{22,}`},
	{[]string{"glpat-"}, `\bglpat-[A-Za-z0-9_-]{20,}`},
	{[]string{"xox"}, `\bxox[abeprs]-[A-Za-z0-9-]{10,}`},
	{[]string{"hooks.slack.com"}, `hooks\.slack\.com/(?:services|workflows)/(?P<secret>[A-Za-z0-9/_-]+)`},
	{[]string{"/api/webhooks/"}, `discord(?:app)?\.com/api/webhooks/(?P<secret>[A-Za-z0-9/_-]+)`},
	{[]string{"aiza"}, `\bAIza[A-Za-z0-9_-]{35}`},
	{[]string{"k_live_", "k_test_"}, `\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}`},
	{[]string{"npm_"}, `\bnpm_[A-Za-z0-9]{36}`},
	{[]string{"eyj"}, `\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`},
	{[]string{"age-secret-key-1"}, `AGE-SECRET-KEY-1[A-Z0-9]+`},
}

// secret returns the secret part of the match m.
func (p *pattern) secret(text string, m []int) (span, bool) {
	s := span{m[0], m[1]}
	for _, g := range p.secrets {
		if m[2*g] >= 0 {
			s = span{m[2*g], m[2*g+1]}
		}
	}
	return trimmed(text, s), isSecret("", text[s.from:s.to])
}
