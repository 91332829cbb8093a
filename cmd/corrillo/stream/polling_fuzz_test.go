package stream

import (
	"bytes"
	"testing"
)

// The first byte of a line of FuzzPolling says what it is.
const (
	linePost    = 'P' // the rest is the body of a POST, "|" between packets
	lineGet     = 'G' // one more GET, beside the one that waits
	lineSocket  = 'W' // a WebSocket for the session; the rest are its frames, "~" between them
	lineFrames  = 'F' // more frames of it
	lineHangUp  = 'H' // the WebSocket ends without a word
	lineRequest = 'X' // some other request: a method, a space, the query
)

// FuzzPolling plays a session that begins with HTTP long-polling: what it
// posts, how it moves to a WebSocket, or tries to, and what else is asked of
// it meanwhile. A poll waits all the time, as with stock clients. Whatever it
// is: nothing panics; every answer is one of HTTP's that docs/PROTOCOL.md has;
// what the session answers arrives exactly once, by whichever way, as long as
// the session lives; what was acked is stored once with its seq; and the end
// is told once.
func FuzzPolling(f *testing.F) {
	for _, s := range []string{
		"P40\nP420[\"identify\",\"ann\"]|421[\"join_conversation\",\"r\"]\nP422[\"send_message\",{\"conversationId\":\"r\",\"content\":\"hi\",\"tempId\":\"t1\"}]",
		"P40|420[\"identify\",\"ann\"]\nW2probe\nF5\nF421[\"heartbeat\",1]\nP422[\"heartbeat\"]",
		"P40\nW2probe~5~420[\"identify\",\"ann\"]~421[\"send_message\",{\"conversationId\":\"r\",\"content\":\"a\",\"metadata\":{\"$binary\":\"AQID\"}}]",
		"P40\nW2probe\nH\nP420[\"identify\",\"ann\"]\nW2probe\nF5\nH",
		"P40\nW5\nP420[\"heartbeat\"]", "P40\nW2prob\nF5", "P40\nW2probe\nW2probe\nF5", "P40\nG\nP420[\"heartbeat\"]",
		"P40\nP451-0[\"send_message\",{\"receiverId\":\"the member\",\"metadata\":{\"_placeholder\":true,\"num\":0}}]|bAQID\nP1",
		"P40|41\nP40\nP420[\"identify\",7]", "P\nP40", "P4\x1e\x1e", "Pb!", "P6|2|3|40|420[\"heartbeat\"]",
		"XGET EIO=3&transport=polling\nXPUT EIO=4&transport=polling\nXPOST EIO=4&transport=websocket&sid=\nXOPTIONS \nXDELETE EIO=4&transport=polling&sid=x\nP40",
		"F5\nH\nP420[\"heartbeat\"]", "P40\nW2probe~5~1", "P40\nW2probe~5~41~40~422[\"heartbeat\"]",
	} {
		f.Add([]byte(s), byte(0))
		f.Add([]byte(s), byte(modePortable))
	}
	f.Fuzz(func(t *testing.T, script []byte, mode byte) {
		if len(script) > maxStream || bytes.Count(script, []byte("\n")) > 30 {
			return
		}
		b := mustStart(t, reader(t, mode))
		stranger, member, leave := b.watch(t)
		p := mustPoll(t, b)
		for line := range bytes.SplitSeq(script, []byte("\n")) {
			if len(line) == 0 {
				continue
			}
			switch rest := line[1:]; line[0] {
			case linePost:
				p.post(bytes.ReplaceAll(rest, []byte("|"), []byte{0x1e}))
			case lineGet:
				p.overlap()
			case lineSocket:
				p.dial()
				p.frames(rest)
			case lineFrames:
				p.frames(rest)
			case lineHangUp:
				p.hangUp()
			case lineRequest:
				p.request(string(rest))
			}
		}
		p.settle()
		p.leave()
		b.eventually(t, "the end of the sessions", b.recorder.ended)
		leave()
		_, wrong, acked := b.recorder.sum()
		b.checkStored(t, acked)
		b.stop(t)
		for _, w := range append(append(wrong, p.said()...), member.wrong...) {
			t.Error(w)
		}
		if len(stranger.events) > 0 {
			t.Errorf("the stranger was told of %v", stranger.events)
		}
	})
}
