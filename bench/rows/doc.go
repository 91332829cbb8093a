// Package rows reads the message table the way a stranger would: with its own
// connection and one SELECT, not through the store that is being judged.
package rows
