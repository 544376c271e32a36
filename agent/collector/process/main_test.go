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
	goleak.VerifyTestMain(m)
}
