// Package endpoint has the parts that every client of a broker is made of, whatever
// carries its frames: the consumer of a queue, the requester, the responders, and the
// encoding of what is published. Programs use them through router.Bus.
package endpoint
