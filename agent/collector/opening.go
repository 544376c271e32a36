package collector

// Opener is a collector that reports when its source is open. Any other collector counts as
// open from the call of Run on.
type Opener interface {
	Collector
	// OnOpen sets what each later call of Run calls when its source is open: what happens on
	// the host from then on has its event. Run calls it once, and opened must not block. It is
	// not called while Run runs.
	OnOpen(opened func())
}

// Opening makes what it is embedded in an Opener. The zero value is ready for use,
// and nil reports to nobody.
//
// OnOpen and Opened are for the goroutine that calls Run.
type Opening struct{ opened func() }

// OnOpen implements Opener.
func (o *Opening) OnOpen(opened func()) { o.opened = opened }

// Opened reports that the source is open.
func (o *Opening) Opened() {
	if o != nil && o.opened != nil {
		o.opened()
	}
}
