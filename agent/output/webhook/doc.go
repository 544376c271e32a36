// Package webhook is the sink that posts JSON to a URL, in the form that the receiver
// understands.
//
// # Templates
//
//	json          the body of each item, one request an item
//	batch         an array of the bodies
//	slack         a message with an attachment, also for Mattermost and Rocket.Chat
//	teams         an adaptive card, for a workflow of Microsoft Teams
//	discord       a message with an embed
//	pagerduty     Events API v2: trigger, acknowledge and resolve by the id of the alert
//	alertmanager  /api/v2/alerts of Prometheus Alertmanager, an array of alerts
//
// # Requests
//
// Each request has the header Idempotency-Key, which is the ID of its first item and the
// same each time that it is sent. Where there is a secret, X-Daemoneye-Timestamp has the
// time in seconds, and X-Daemoneye-Signature has sha256= and the HMAC-SHA-256, in hex, of
// the timestamp, a dot and the body.
//
// # Answers
//
//	2xx                 taken
//	429, 503            tried again after Retry-After, or as after any failure
//	400, 413, 415, 422  refused: an array is tried item by item, one item some times more
//	3xx                 followed within the same scheme and host, if that is allowed, where
//	                    the method stays (307, 308); else a failure
//	all others          a failure: tried again
//
// An answer is read up to 64 KiB and for one second; a connection with more to read is
// closed. Up to 200 bytes of one that is no success are in the error, without secrets: what
// stands in the URL behind the host, the key of the signature, token, password and the
// values of headers are replaced by [redacted] (secret.Keeper).
package webhook
