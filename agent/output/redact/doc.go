// Package redact replaces secrets in what leaves the host: passwords in command lines, in
// URLs and in environments, headers with credentials, keys of well-known forms.
//
// A Redactor reads JSON. It looks at each text value, leaves names and the structure as they
// are, and replaces the secret part by [redacted], no more of the text. Below the name of a
// secret all texts and numbers are secrets, also in objects and arrays, and so is the value
// of {"name":"DB_PASSWORD","value":…}. Where it replaced something, the object gets a last
// member redacted: the list of what was touched, such as process.command_line. A list of
// that name that is there already grows; beside anything else of that name the list is
// called redacted_members. What a rule has about itself is left as it is, because it is no
// observation.
//
// testdata/cases.txt has what is replaced and what is not, case by case.
//
// # Guarantees
//
//  1. The result is JSON with the same structure, but for numbers that are secrets: a text
//     stands in their place. No object has a name twice that had it once. (FuzzRedact)
//  2. The time is linear in the length: the names of secrets are found in one pass, and every
//     other pattern is an expression of package regexp, which are linear.
//     (TestTheWorkGrowsWithTheLengthOnly)
//
// # What may not be assumed
//
// That no secret is left, or that nothing else is replaced: a number below a name such as
// token_budget counts as a secret, one below max_tokens does not. A password that stands
// alone (an argument without a name), or that a
// program takes under a name of its own, looks like any other word. Patterns of the
// operator's own add what the defaults do not know.
package redact
