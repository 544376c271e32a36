package buffer_test

import (
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/frame/buffer"
)

func BenchmarkBuffer(b *testing.B) {
	for _, size := range []int{4 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("op=get-release/size=%d", size), func(b *testing.B) {
			p := buffer.NewPool()
			p.Get(size).Release(1)
			b.ReportAllocs()
			for b.Loop() {
				p.Get(size).Release(1)
			}
		})
	}
	b.Run("op=retain-release", func(b *testing.B) {
		buf := buffer.NewPool().Get(1)
		b.ReportAllocs()
		for b.Loop() {
			buf.Retain(1)
			buf.Release(1)
		}
	})
}
