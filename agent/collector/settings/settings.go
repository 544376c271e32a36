// Package settings reads what a collector is configured with: a JSON object, whose
// members are the keys of the collector's section of the configuration. Durations are in
// nanoseconds and sizes in bytes. Each collector has the struct of its own.
package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Decode reads settings into v, a pointer to a struct with JSON tags. What has no
// settings keeps its value: nil and an empty text change nothing. A member that v lacks
// is an error, because nobody would notice that it has no effect.
func Decode(settings []byte, v any) error {
	if len(settings) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(settings))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("settings: more than one object")
	}
	return nil
}

// Keys returns the keys of the settings that the struct v takes, sorted.
func Keys(v any) (keys []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
		if f.Anonymous {
			continue // its fields come by themselves
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, name)
	}
	slices.Sort(keys)
	return keys
}
