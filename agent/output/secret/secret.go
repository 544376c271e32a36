// Package secret reads what a configuration only names: a file with a secret, or a variable
// of the agent's environment. It is read each time that a connection is made, so that a
// secret can be changed without a reload. A Keeper knows what it has read for one output, and
// takes it out of each text that leaves.
package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxBytes bounds a secret.
const maxBytes = 64 << 10

// ErrEmpty means that there is nothing where the secret should be.
var ErrEmpty = errors.New("it is empty")

// Read returns what ref stands for: file:/PATH, without the end of its last line, or
// env:NAME. Another text stands for itself, and the empty one for nothing.
func Read(ref string) (string, error) {
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		if v := os.Getenv(name); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("variable %s: %w", name, ErrEmpty)
	}
	path, ok := strings.CutPrefix(ref, "file:")
	if !ok {
		return ref, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	switch text := strings.TrimRight(string(b), "\r\n"); {
	case err != nil:
		return "", err
	case len(b) > maxBytes:
		return "", fmt.Errorf("%s: more than %d bytes", path, maxBytes)
	case text == "":
		return "", fmt.Errorf("%s: %w", path, ErrEmpty)
	default:
		return text, nil
	}
}
