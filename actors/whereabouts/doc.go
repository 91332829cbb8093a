// Package whereabouts knows on which nodes of a cluster users have sessions, so
// that what is for people goes to those nodes and not to all.
//
// Each node tells the others of the first session of a user (here) and of the end
// of the last one (gone), by a hash of the user's id. What another node knows of
// that is late by the way of the notice; nothing is lost by it, since a node
// keeps what it did not send to another one until it is certain that nobody was
// there:
//
//   - Others is what a node knows of the others, and what it keeps for them: a
//     pure table, without a lock or a clock.
//   - Own is what the others have to know of this node.
//   - Whereabouts puts both on the links.
//
// A node asks another one about its sessions (WhereaboutsAsked), which tells all
// of them the first time, and from there on what changes; it answers
// (WhereaboutsAnswered) behind all that it had to tell. Links keep the order, so:
//
//   - Before its first answer, a node counts as having everyone. One of a version
//     that does not know the question never answers.
//   - A notice that somebody is there brings that node what was kept for it of
//     that person's, oldest first.
//   - An answer says that of what was kept before the question nothing is for
//     anyone there: whoever had come by then was told of ahead of the answer.
//
// What is kept has a bound. Beyond it a node gets all that was kept for it, and
// counts as having everyone until its next answer.
package whereabouts
