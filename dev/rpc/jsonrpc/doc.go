// Package jsonrpc is JSON-RPC 2.0 over HTTP and WebSocket on one port, as nodes serve it.
//
//	socket ──► limits, host, origin ──► message ──► envelope ──► method ──► result or error
//	                                       │  (a batch: one after the other)      │
//	                                       ▼                                      ▼
//	                              at most so many at once          queue of the connection ──► socket
//	                                                                              ▲
//	                                       subscriptions: notifications, after the response
//
// [Methods] is what can be called, [Server] answers. It knows nothing of chains.
//
// A client gets no more than the limits of [Options] whatever it sends: a message is
// read up to its limit, a connection has a bounded number of messages at work, a bounded
// queue of answers and a bounded number of subscriptions; who does not read is not read from, and is closed
// after a time. Sockets on which nothing is asked are bounded too: the oldest goes first.
//
// Sources: crates sc-rpc-server 33, jsonrpsee-server and jsonrpsee-types.
package jsonrpc
