// Command cluster repeats the experiments behind two decisions about several
// nodes: docs/adr/0016 (why protoactor-go's cluster package does not place our
// actors) and docs/adr/0017 (why its remote package does not carry our
// messages). It needs Linux, Go and a few free ports of 127.0.0.1:
//
//	go run .              # all of them, about twenty minutes
//	go run . join freeze  # some
//
// It is a module of its own, so that nothing of what it tries is part of the
// server's build. Nothing else uses it. Every process is this program again in
// a role of child.go; it prints what it counted, and judges nothing.
//
// With clusters (clusters.go; members as member.go makes them, with the
// automanaged provider, the disthash lookup and every default):
//
//   - join: how many of 600 grains live twice when a third member joins, and
//     for how long.
//   - passivate: what becomes of what is told to grains that went to sleep.
//   - poll: one health poll that fails. freeze: a member that stands still for
//     ten seconds. kill: a member that dies while it is told things.
//
// With two processes (remotes.go), by protoactor's remote and by link.go, which
// is the least that a link on a bidirectional gRPC stream needs: numbers,
// acknowledgements, and sending again what has none ("plain" is the stream
// without them):
//
//   - unknown: one message of a peer from another version.
//   - memory: three idle peers. down, hole, silent: a peer that is away, that
//     does not answer, whose connection was forgotten on the way.
//   - cut: a connection reset within a burst. speed: time and processor time.
//   - port (port.go): who may speak at the port, and beside what else.
package main
