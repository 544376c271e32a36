//go:build !race

package ipc_test

const underRace = false
