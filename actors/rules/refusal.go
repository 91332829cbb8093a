package rules

import (
	"errors"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// The refusals, each with the sentence that a person reads.

func errOverloaded() *wire.Error {
	return wire.Errorf(wire.CodeOverloaded, "the conversation is too busy; try again")
}

// crowded refuses a command for which the next group has no room, tooMany one
// that would have to wait with too many others.
func (c *Conversation) crowded() *wire.Error {
	c.ready.Crowded++
	return errOverloaded()
}

func (c *Conversation) tooMany() *wire.Error {
	c.ready.TooMany++
	return errOverloaded()
}

// sheds reports whether the node has so much to do that work of that kind is
// left undone, and counts it.
func (c *Conversation) sheds(w message.Work) bool {
	if !c.o.Load.Sheds(w) {
		return false
	}
	c.o.Load.Shed(w)
	return true
}

func errShed() *wire.Error {
	return wire.Errorf(wire.CodeOverloaded, "the server is too busy; try again")
}

func errUnavailable() *wire.Error {
	return wire.Errorf(wire.CodeUnavailable, "the store is not available; try again")
}

// errNoAnswer is what a failed question to the store comes to.
func errNoAnswer(err error) *wire.Error {
	if errors.Is(err, message.ErrOverloaded) {
		return errOverloaded()
	}
	return errUnavailable()
}

func errInternal() *wire.Error {
	return wire.Errorf(wire.CodeInternal, "something went wrong on the server; try again")
}

func errForbidden() *wire.Error {
	return wire.Errorf(wire.CodeForbidden, "not a member of this conversation")
}

func errNoMessage() *wire.Error {
	return wire.Errorf(wire.CodeNotFound, "there is no such message in this conversation")
}

func errNoPeople() *wire.Error {
	return wire.Errorf(wire.CodeNotFound, "there is no such direct conversation")
}

func errConflict() *wire.Error {
	return wire.Errorf(wire.CodeConflict, "this id was used for another message")
}

// errRejected says why a row failed alone: in the words of the app's own table
// when that did not take it, otherwise as the sentence says.
func errRejected(err error, sentence string) *wire.Error {
	if r, ok := errors.AsType[*repo.Refusal](err); ok {
		sentence = r.Sentence
	}
	return wire.Errorf(wire.CodeInvalidPayload, "%s", sentence)
}
