// Package endpoint has the parts that every client of a broker is made of, in process and
// over a socket: the consumer of a queue, the requester, the responders, and the encoding
// of published messages. Programs use them through router.Bus.
package endpoint
