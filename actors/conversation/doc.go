// Package conversation is the actor around a conversation's rules: it feeds
// them messages one at a time and carries out what each step wants done. It
// decides nothing.
package conversation
