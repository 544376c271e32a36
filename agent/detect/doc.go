// Package detect puts rules to work: it reads them, and finds in a stream of events
// those that a rule matches.
//
//	Load ─► sigma.Set ─► engine.Engine ─┐
//	                └──► correlations ──┴─► Detector: Observe(event) ─► detections
//
// The parts stand alone: sigma (what rules mean), engine (matching, fast), window
// (correlations). This package only joins them.
package detect
