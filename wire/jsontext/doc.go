// Package jsontext finds its way through JSON text without decoding it: it
// checks one value against RFC 8259 in a single pass, with a bound on nesting,
// and says where the elements of an array or the members of an object stand.
// The codecs of wire/socketio and wire/plain cut frames with it; what is inside
// an argument is decoded elsewhere.
//
// The text is taken to be valid UTF-8: the transports have checked that before.
package jsontext
