package charge_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/charge"
)

// Whatever is charged and given back, the ledger's sums are those of the charges, and
// nothing is granted beyond a limit.
func TestTheLedgerAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most, mostFixed = 1 << 20, 1 << 18
		pool := buffer.NewPool()
		l := charge.NewLedger(most, mostFixed, pool)
		type held struct {
			charge.Charge
			account *charge.Account
			kind    charge.Kind
		}
		var accounts []*charge.Account
		for i := range 5 {
			accounts = append(accounts, l.Open(i == 0))
		}
		var charges []*held
		var buffers []*buffer.Buffer
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				a := rapid.SampledFrom(accounts).Draw(t, "account")
				k := charge.Kind(rapid.IntRange(0, int(charge.KindCount)-1).Draw(t, "kind"))
				charges = append(charges, &held{a.Empty(k), a, k})
			},
			"resize": func(t *rapid.T) {
				if len(charges) == 0 {
					t.Skip("no charges")
				}
				c := rapid.SampledFrom(charges).Draw(t, "charge")
				n, room, before := rapid.Int64Range(0, most).Draw(t, "bytes"), l.Room(), c.Bytes()
				limit := c.account.MaxFixed() - c.account.Fixed()
				ok := c.Resize(n)
				fits := n-before <= room
				if c.kind <= charge.Subscriptions {
					fits = n-before <= limit
				}
				if ok != (fits || n <= before) {
					t.Fatalf("from %d to %d with room for %d and %d of its own: %v", before, n, room, limit, ok)
				}
				if want := map[bool]int64{true: n, false: before}[ok]; c.Bytes() != want {
					t.Fatalf("it holds %d, want %d", c.Bytes(), want)
				}
			},
			"release": func(t *rapid.T) {
				if len(charges) == 0 {
					t.Skip("no charges")
				}
				c := rapid.SampledFrom(charges).Draw(t, "charge")
				c.Release()
				c.Release()
			},
			"a buffer": func(t *rapid.T) { buffers = append(buffers, pool.Get(4<<10)) },
			"": func(t *rapid.T) {
				var byKind [charge.KindCount]int64
				fixed := map[*charge.Account]int64{}
				sum := pool.Live()
				for _, c := range charges {
					byKind[c.kind] += c.Bytes()
					sum += c.Bytes()
					if c.kind <= charge.Subscriptions {
						fixed[c.account] += c.Bytes()
					}
				}
				for k, want := range byKind {
					if got := l.Used(charge.Kind(k)); got != want {
						t.Fatalf("%s: %d are charged, want %d", charge.Kind(k), got, want)
					}
				}
				for i, a := range accounts {
					if a.Fixed() != fixed[a] {
						t.Fatalf("account %d holds %d, want %d", i, a.Fixed(), fixed[a])
					}
				}
				if l.Room() != most-sum {
					t.Fatalf("there is room for %d, want %d", l.Room(), most-sum)
				}
				if n := byKind[charge.Sessions] + byKind[charge.Subscriptions]; n > mostFixed {
					t.Fatalf("%d are fixed, want at most %d", n, mostFixed)
				}
			},
		})
	})
}

// However much the first clients take, each of 64 gets its part of what is fixed.
func TestEachOf64ClientsHasItsShare(t *testing.T) {
	const most, share = 100 << 20, 40 << 20 / 2 / 64
	l := charge.NewLedger(most, 40<<20, buffer.NewPool())
	for i := range 64 {
		a := l.Open(false)
		c := a.Empty(charge.Subscriptions)
		got := int64(0)
		for step := int64(1 << 20); step > 0; step /= 2 {
			for c.Resize(got + step) {
				got += step
			}
		}
		if got < share {
			t.Errorf("client %d got %d bytes, want %d at least", i, got, share)
		}
	}
	if n := l.Used(charge.Subscriptions); n > 40<<20 {
		t.Errorf("%d bytes are charged", n)
	}
}
