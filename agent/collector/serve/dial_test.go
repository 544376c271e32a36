package serve

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

func TestARefusalIsTriedAgain(t *testing.T) {
	for _, may := range []error{frame.ErrLimit, frame.ErrMemory, syscall.ENOENT, syscall.ECONNREFUSED} {
		synctest.Test(t, func(t *testing.T) {
			b, err := router.New(router.Options{})
			if err != nil {
				t.Fatal(err)
			}
			attempts := 0
			bus, err := dial(t.Context(), func() (router.Bus, error) {
				if attempts++; attempts < 5 {
					return nil, fmt.Errorf("ipc: dial: %w", may)
				}
				return b.Client("c"), nil
			})
			if err != nil || bus == nil || attempts != 5 {
				t.Errorf("%v: dial = %v after %d attempts", may, err, attempts)
			}
		})
	}
}

func TestARefusalThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := dial(t.Context(), func() (router.Bus, error) { return nil, frame.ErrLimit })
		if !errors.Is(err, ErrRefused) || !errors.Is(err, frame.ErrLimit) || time.Since(began) != dialFor {
			t.Errorf("dial = %v after %s", err, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		_, err := dial(t.Context(), func() (router.Bus, error) { attempts++; return nil, frame.ErrDenied })
		if !errors.Is(err, frame.ErrDenied) || errors.Is(err, ErrRefused) || attempts != 1 {
			t.Errorf("dial = %v after %d attempts", err, attempts)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := dial(ctx, func() (router.Bus, error) { return nil, frame.ErrLimit }); err == nil || time.Since(began) != time.Second {
			t.Errorf("dial = %v after %s, want it to end with its context", err, time.Since(began))
		}
	})
}
