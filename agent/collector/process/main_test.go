package process

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Every test must leave no goroutine behind.
func TestMain(m *testing.M) {
	if spec := os.Getenv(generate); spec != "" {
		os.Exit(startPrograms(spec))
	}
	if mode := os.Getenv(watch); mode != "" {
		os.Exit(watchPrograms(mode))
	}
	if uid := os.Getenv(become); uid != "" {
		os.Exit(becomeUser(uid))
	}
	goleak.VerifyTestMain(m)
}
