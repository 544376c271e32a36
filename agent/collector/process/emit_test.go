package process

import "testing"

func TestExitStatus(t *testing.T) {
	tests := []struct {
		name         string
		status       uint32
		code, signal uint8
	}{
		{"success", 0, 0, 0},
		{"exit 3", 3 << 8, 3, 0},
		{"exit 255", 255 << 8, 255, 0},
		{"killed", 9, 128 + 9, 9},
		{"fault with a core", 0x8b, 128 + 11, 11},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitStatus(tt.status); got.Code != tt.code || got.Signal != tt.signal {
				t.Errorf("code %d signal %d, want %d and %d", got.Code, got.Signal, tt.code, tt.signal)
			}
		})
	}
}
