// Package storms lets what usually happens to one client after the other
// happen to all of them at once: the server is killed under ten thousand
// connections, or told to go; a crowd joins and leaves one room; a user has
// hundreds of devices; conversations are touched by the hundred thousand; and
// some stop reading in the middle of it. Each storm has bounds that it asserts
// and, where messages are sent, the verdict of bench/judge.
//
// `make storms` is the full size; the package's test runs all of them small.
package storms
