package stream

import "strings"

// seed is one input of FuzzStream that is always run.
type seed struct {
	mode   byte
	stream string
	cut    byte
}

var seeds = []seed{
	// The plain dialect: a whole conversation.
	{modePlain, `{"event":"identify","data":{"userId":"ann","username":"Ann"},"id":1}
{"event":"join_conversation","data":{"conversationId":"r","afterSeq":0},"id":2}
{"event":"send_message","data":{"conversationId":"r","content":"hi","tempId":"t1","x":[1]},"id":3}
{"event":"send_message","data":{"conversationId":"r","content":"hi","tempId":"t1","x":[1]},"id":4}
{"event":"send_message","data":{"conversationId":"r","content":"ho","tempId":"t1"},"id":5}
{"event":"send_message","data":{"receiverId":"the member","content":"psst","tempId":7},"id":6}
{"event":"typing","data":{"conversationId":"r"},"id":7}
{"event":"mark_read","data":{"conversationId":"r","seq":1},"id":8}
{"event":"get_history","data":{"conversationId":"r"},"id":9}
{"event":"get_conversations","id":10}
{"event":"get_members","data":{"conversationId":"r"},"id":11}
{"event":"get_presence","data":{"userIds":["ann","the member"]},"id":12}
{"event":"call_offer","data":{"conversationId":"r","sdp":"v=0"},"id":13}
{"event":"leave_conversation","data":"r","id":14}
{"event":"heartbeat","id":15}`, 6},
	// Before identify, after it, and as another user; one ack id twice.
	{modePlain | modePortable, `{"event":"join_conversation","data":"r","id":1}
{"event":"send_message","data":{"conversationId":"r","content":"early"},"id":1}
{"event":"identify","data":"ann","id":2}
{"event":"identify","data":{"userId":7},"id":2}
{"event":"edit_message","data":{"messageId":"none","content":"x"},"id":3}
{"event":"delete_message","data":{"messageId":"none"},"id":4}
{"event":"identify","data":{"userId":" "},"id":5}
{"event":"send_message","data":{"conversationId":"r","content":"as 7"}}`, 0},
	// Nobody at all, more than may wait for identify.
	{modePlain, strings.Repeat(`{"event":"send_message","data":{"conversationId":"r","content":"x"},"id":1}`+"\n", 70), 40},
	{modePlain, `{}` + "\n" + `[` + "\n" + `{"event":7}` + "\n" + `{"event":"nothing","id":1}` + "\n" + `{"event":"heartbeat","id":1.5}`, 3},
	{modePlain, strings.Repeat("x\n", 80), 9},
	// Socket.IO.
	{0, `40
420["identify",{"userId":"ann","username":"Ann"}]
421["join_conversation","r"]
422["send_message",{"conversationId":"r","content":"hi","tempId":"t1"}]
42["send_message",{"conversationId":"r","content":"no ack"}]
423["send_message",{"conversationId":"r","content":"bytes","metadata":{"$binary":"AQID"}}]
424["get_history",{"conversationId":"r","limit":10}]
425["unknown"]
3
41`, 11},
	{modePortable, `40{"token":"x","pid":"nobody","offset":"1"}
42["heartbeat"]
41
40
427["identify","bob"]
428["read_message","nothing"]
40/custom,
40`, 2},
	{0, "42[\"identify\",\"ann\"]", 1},
	{0, "40\n451-1[\"send_message\",{\"conversationId\":\"r\",\"metadata\":{\"_placeholder\":true,\"num\":0}}]", 1},
	{0, "40\n1", 0},
	{0, "2probe", 0},
	// Frames as they stand: fragments with a ping between them, bytes, a close,
	// no mask, a message too large, text that is not UTF-8.
	{modePlain | modeFrames, string(frame(0x01, []byte(`{"event":"heart`))) + string(frame(0x89, []byte("between"))) + string(frame(0x80, []byte(`beat","id":1}`))), 1},
	{modePlain | modeFrames, string(frame(0x81, []byte(`{"event":"identify","data":"ann","id":1}`))) + string(frame(0x01, []byte(`{"event":`))), 4},
	{modePlain | modeFrames, string(frame(0x82, []byte("bytes"))), 0},
	{modePlain | modeFrames | modePortable, string(frame(0x81, []byte(`{"event":"heartbeat","id":1}`))) + string(frame(0x88, []byte("\x03\xe8bye"))), 7},
	{modeFrames, string(frame(0x81, []byte("40"))) +
		string(frame(0x81, []byte(`451-3["send_message",{"receiverId":"the member","metadata":{"_placeholder":true,"num":0}}]`))) +
		string(frame(0x82, []byte{1, 2, 3})), 5},
	{modePlain | modeFrames, "\x81\x02{}", 0},
	{modePlain | modeFrames, "\x81\xfe\x08\x01\x00\x00\x00\x00", 3},
	{modePlain | modeFrames, string(frame(0x81, []byte{0xff})), 0},
	{modePlain | modeFrames, string(frame(0x80, []byte("x"))), 0},
}
