// Package detect puts rules to work: it compiles them, and finds in a stream of events
// those that a rule matches.
//
//	files ─► sigma.Set ─► Compile: engine.Engine ─┐
//	                               correlations ──┴─► Detector: Observe(event) ─► detections
//
// The parts stand alone: sigma (what rules mean), engine (matching, fast), window
// (correlations), rules (those that come with the agent). This package only joins them.
// Package live runs a Detector on the events of a broker.
package detect
