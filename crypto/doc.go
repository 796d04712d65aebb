// Package crypto holds the signature schemes of the runtime host (sr25519, ed25519,
// ecdsa on secp256k1), secret key URIs such as "//Alice", and SS58 addresses.
//
// Every signature is deterministic: equal key and message give equal bytes. sr25519
// asks for randomness by design; here it is derived from the secret key and the
// message, so that a simulation with the same inputs gives the same blocks.
//
// Keys and signatures are plain byte arrays: sr25519 and ed25519 public keys have 32
// bytes and signatures 64; ecdsa keys have 33 bytes (compressed) and signatures 65
// (r, s, recovery id). Verification answers true or false and never panics.
package crypto
