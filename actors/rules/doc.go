// Package rules decides: what a conversation answers, saves, tells and asks
// for. It is pure. Conversation.Step takes a message of package message and
// the time, and fills a Ready that its actor carries out; nothing here waits,
// locks, reads a clock or talks to anyone, so every rule is tested by stating
// what happens and looking at what comes out (testdata/*.txt).
//
// A conversation's life. It begins cold: the first command asks for an
// activation and waits. Activated makes it warm: the store's lastSeq, lastRev
// and participants are known and the epoch fences every other activation.
// What waited then runs in order (life.go).
//
// A write's way. Messages, changes, participants and read marks gather in the
// next group. One group is in flight at a time; its outcome comes back as
// GroupSaved, lets out what the commit has made true - the acks, then the
// event, in the order of seq - and the next group leaves (group.go). Nothing
// that claims to be stored leaves earlier. A fenced group is saved again
// behind a new activation. When an outcome is not known, its senders are told
// `unavailable` and nothing goes on before an activation has shown what is
// there; the relay hears the last seq and fetches what it missed. Every row is
// made so that saving it twice makes one.
//
// One file for each capability, with its own part of the state:
//
//	post.go        messages; recent.go remembers them, to answer repeats
//	change.go      edits and deletions
//	join.go        subscriptions, history; reply.go encodes their answers
//	read.go        read marks: stored exactly, told at a pace
//	typing.go      who types, until when
//	presence.go    what the others were told of whom
//	membership.go  who is in, who may; check.go asks the authorizer
//	direct.go      the two people of a direct conversation
//	pass.go        events that are relayed and not stored
//
// Some decisions that the protocol leaves open:
//
//   - A direct conversation whose people are not known yet is `forbidden` to
//     clients, as it is to strangers: an id gives nothing away. The back end
//     gets `not_found`, unless its message names sender and receiver.
//   - A message does not end its sender's typing. `false` is always told.
//   - In `members` mode a claim lets a user in without making a participant:
//     the row that keeps the read mark has repo.RoleClaimed and counts for
//     nothing once the claim is gone.
//   - Where too many have joined for read broadcasts, the reader's own devices
//     still hear of the mark.
//   - Whoever is removed was shut out at the commit; what the user had sent
//     before is still saved.
//   - A join is answered even when its session has left meanwhile, but
//     subscribes nothing.
package rules
