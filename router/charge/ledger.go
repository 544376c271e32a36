package charge

import "github.com/daemoneye/eventbus/frame/buffer"

// Kind states what charged memory is for.
type Kind uint8

// The kinds. What is fixed is kept until its client gives it up. Everything else can be
// taken back: queues are evicted, and caches are dropped.
const (
	Sessions      Kind = iota // clients and their open requests; fixed
	Subscriptions             // patterns and filters, and the places where they are found; fixed
	Queues                    // slots of queues, and the topics of those that conflate
	Routes                    // what is cached for topics
	Stores                    // what retained values and replays take beside their buffers
	KindCount
)

var kindNames = [KindCount]string{"sessions", "subscriptions", "queues", "routes", "stores"}

// String returns the kind's name in statistics.
func (k Kind) String() string { return kindNames[k] }

func (k Kind) fixed() bool { return k <= Subscriptions }

// guaranteed is how many clients are sure of a share of the memory that is fixed. It is
// the number of connections that package ipc admits by default.
const guaranteed = 64

// Ledger adds up what is charged.
//
// Fixed memory has a limit of its own, so that subscriptions leave room for messages.
// Half of it is shared out: each of 64 clients is sure of an equal part. Of the other
// half a client may take as much as it leaves to the others. So no client can take
// everything, and a client that wants little always gets it. What is taken of it counts
// in Room, and has to be evicted from queues where that is less than nothing.
type Ledger struct {
	max      int64
	maxFixed int64
	pool     *buffer.Pool
	used     [KindCount]int64
	total    int64 // of used
	common   int64 // what clients hold of fixed memory beyond the part that each is sure of
}

// NewLedger returns a ledger for max bytes, of which the buffers of pool are a part, and
// of which at most maxFixed are fixed.
func NewLedger(max, maxFixed int64, pool *buffer.Pool) *Ledger {
	return &Ledger{max: max, maxFixed: maxFixed, pool: pool}
}

// Max returns how many bytes may be charged.
func (l *Ledger) Max() int64 { return l.max }

// Used returns how many bytes are charged for a kind.
func (l *Ledger) Used(k Kind) int64 { return l.used[k] }

// Room returns how many bytes are left under the limit; below 0 there is too much. What
// is handed out by the pool counts without having been charged.
func (l *Ledger) Room() int64 { return l.max - l.pool.Live() - l.total }

// ByKind returns what is charged, by kind, and what the pool has handed out as "buffers".
func (l *Ledger) ByKind() map[string]int64 {
	m := map[string]int64{"buffers": l.pool.Live()}
	for k := range KindCount {
		m[k.String()] = l.used[k]
	}
	return m
}

// share is how much fixed memory each client is sure of.
func (l *Ledger) share() int64 { return l.maxFixed / 2 / guaranteed }

// Account is what one client holds.
type Account struct {
	ledger *Ledger
	fixed  int64
	own    bool // of this process, and not bound to a share
}

// Open returns an account of a client. The shares do not bind one of this process, which
// is trusted not to take what others need.
func (l *Ledger) Open(ofThisProcess bool) *Account { return &Account{ledger: l, own: ofThisProcess} }

// MaxFixed returns how much fixed memory the account may hold now.
func (a *Account) MaxFixed() int64 {
	l := a.ledger
	left := l.maxFixed - (l.used[Sessions] + l.used[Subscriptions] - a.fixed)
	if a.own {
		return left
	}
	common := l.maxFixed/2 - (l.common - a.beyondShare())
	return min(left, l.share()+max(common, 0)/2)
}

// Fixed returns how much fixed memory the account holds.
func (a *Account) Fixed() int64 { return a.fixed }

func (a *Account) beyondShare() int64 { return max(a.fixed-a.ledger.share(), 0) }

// Charge is what is held for one purpose. The zero Charge belongs to no account and is
// not counted. It must not be copied while it holds anything.
type Charge struct {
	account *Account
	bytes   int64
	kind    Kind
}

// Empty returns a charge that holds nothing yet.
func (a *Account) Empty(k Kind) Charge { return Charge{account: a, kind: k} }

// Bytes returns how much the charge holds.
func (c *Charge) Bytes() int64 { return c.bytes }

// Resize makes the charge hold n bytes. It reports false, and changes nothing, where
// more is asked for than there is room for, or of what is fixed than the account may
// hold: fixed memory is not refused because others have much in hand for a moment. To
// hold less always succeeds.
func (c *Charge) Resize(n int64) bool {
	if more := n - c.bytes; more > 0 && c.account != nil && more > c.limit() {
		return false
	}
	c.set(n)
	return true
}

// limit returns how much more the charge may hold.
func (c *Charge) limit() int64 {
	if c.kind.fixed() {
		return c.account.MaxFixed() - c.account.fixed
	}
	return c.account.ledger.Room()
}

// Force makes the charge hold n bytes whatever the limits are. It is for memory that
// can't be refused, and is small.
func (c *Charge) Force(n int64) { c.set(n) }

// Release gives back what the charge holds. A second call does nothing.
func (c *Charge) Release() { c.set(0) }

func (c *Charge) set(n int64) {
	a := c.account
	if a == nil {
		return
	}
	l, more := a.ledger, n-c.bytes
	c.bytes = n
	l.used[c.kind] += more
	l.total += more
	if c.kind.fixed() {
		l.common -= a.beyondShare()
		a.fixed += more
		l.common += a.beyondShare()
	}
}
