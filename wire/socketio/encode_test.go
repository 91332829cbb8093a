package socketio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

func TestEncode(t *testing.T) {
	many := `[` + strings.TrimSuffix(strings.Repeat(`{"$binary":"AA=="},`, 11), ",") + `]`
	frame := func(data, offset string) Encoded {
		return EncodeFrame([]byte("4"), "new", []byte(data), offset, 10)
	}
	text := func(b []byte) Encoded { return Encoded{Text: b} }
	for _, c := range []struct {
		name string
		got  Encoded
		want string
	}{
		{"frame", frame(`{"a":1}`, ""), `42["new",{"a":1}]`},
		{"frame with offset", frame(`{"a":1}`, "x-9"), `42["new",{"a":1},"x-9"]`},
		{"a string is not taken for an offset", frame(`"a"`, ""), `42["new","a",null]`},
		{"nor the name of an event without data", frame(``, ""), `42["new",null]`},
		{"no data but an offset", frame(``, "x-9"), `42["new",null,"x-9"]`},
		{"frame with bytes", frame(`{"a":{"$binary":"AQI="}}`, "o"), `451-["new",{"a":{"_placeholder":true,"num":0}},"o"] + 0102`},
		{"escaped slashes in base64", frame(`{"$binary":"\/w=="}`, ""), `451-["new",{"_placeholder":true,"num":0}] + ff`},
		{"not base64", frame(`{"$binary":"*"}`, ""), `42["new",{"$binary":"*"}]`},
		{"not a string", frame(`{"$binary":1}`, ""), `42["new",{"$binary":1}]`},
		{"another member", frame(`{"$binary":"AA==","a":1}`, ""), `42["new",{"$binary":"AA==","a":1}]`},
		{"more bytes than a client takes stay marked", frame(many, ""), `42["new",` + many + `]`},
		{"a placeholder of the sender's own", frame(`{"a":{"$binary":"AA=="},"b":{"_placeholder":true,"num":7}}`, ""),
			`42["new",{"a":{"$binary":"AA=="},"b":{"_placeholder":true,"num":7}}]`},
		{"in a disguise", frame(`{"a":{"$binary":"AA=="},"b":{"x":"\"","_pl\u0061ceholder":true,"y":1}}`, ""),
			`42["new",{"a":{"$binary":"AA=="},"b":{"x":"\"","_pl\u0061ceholder":true,"y":1}}]`},
		{"in another argument", EncodeAck(nil, "/", 7, [][]byte{[]byte(`{"$binary":"AA=="}`), []byte(`{"_placeholder":1}`)}, 10),
			`37[{"$binary":"AA=="},{"_placeholder":1}]`},
		{"escapes that are none", frame(`{"a\n\\":{"$binary":"AA=="}}`, ""), `451-["new",{"a\n\\":{"_placeholder":true,"num":0}}] + 00`},
		{"ack", EncodeAck(nil, "/", 7, [][]byte{[]byte(`{"a":1}`)}, 10), `37[{"a":1}]`},
		{"ack without a value", EncodeAck(nil, "/", 7, nil, 10), `37[]`},
		{"ack with bytes", EncodeAck(nil, "/n", 7, [][]byte{[]byte(`{"$binary":"AA=="}`), []byte(`1`)}, 10), `61-/n,7[{"_placeholder":true,"num":0},1] + 00`},
		{"event with an ack id", EncodeEvent(nil, "/n", "e", 3, nil, 10), `2/n,3["e"]`},
		{"connect", text(AppendConnect(nil, "/", "s", "p")), `0{"sid":"s","pid":"p"}`},
		{"connect to a namespace", text(AppendConnect(nil, "/n", "s", "")), `0/n,{"sid":"s"}`},
		{"connect error", text(AppendConnectError(nil, "/", wire.Errorf(wire.CodeUnauthorized, "no"))), `4{"message":"no","data":{"code":"unauthorized","message":"no","retryable":false}}`},
		{"invalid namespace", text(AppendInvalidNamespace(nil, "/r")), `4/r,{"message":"Invalid namespace"}`},
		{"disconnect", text(AppendDisconnect(nil, "/")), `1`},
		{"disconnect from a namespace", text(AppendDisconnect(nil, "/n")), `1/n,`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(c.got.Text)
			for _, a := range c.got.Attachments {
				got += fmt.Sprintf(" + %x", a)
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestParseAuth(t *testing.T) {
	l := Limits{}.WithDefaults()
	for _, c := range []struct {
		name, data string
		want       Auth
	}{
		{"nothing", "", Auth{}},
		{"token", `{"token":"t"}`, Auth{Token: "t"}},
		{"recovery", `{"pid":"p","offset":"o","x":[1]}`, Auth{PID: "p", Offset: "o", HasOffset: true}},
		{"recovery before any event", `{"pid":"p"}`, Auth{PID: "p"}},
		{"other types", `{"token":1,"pid":null,"offset":{}}`, Auth{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var data []byte
			if c.data != "" {
				data = []byte(c.data)
			}
			if got := ParseAuth(data, &l); got != c.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestConn_Step(t *testing.T) {
	l := testLimits()
	exists := func(ns string) bool { return ns != "/random" }
	connect := func(ns string) Packet { return Packet{Type: Connect, Namespace: ns} }
	event := Packet{Type: Event, Namespace: "/", Name: "e"}
	for _, c := range []struct {
		name    string
		packets []Packet
		want    Action
		fails   bool
	}{
		{"connect", []Packet{connect("/")}, ActionConnect, false},
		{"unknown namespace", []Packet{connect("/random")}, ActionUnknownNamespace, false},
		{"connect twice", []Packet{connect("/"), connect("/")}, 0, true},
		{"event", []Packet{connect("/"), event}, ActionEvent, false},
		{"event before connect", []Packet{event}, 0, true},
		{"event after disconnect", []Packet{connect("/"), {Type: Disconnect, Namespace: "/"}, event}, 0, true},
		{"event in another namespace", []Packet{connect("/custom"), event}, 0, true},
		{"ack", []Packet{connect("/a"), {Type: Ack, Namespace: "/a"}}, ActionAck, false},
		{"connect again after disconnect", []Packet{connect("/a"), {Type: Disconnect, Namespace: "/a"}, connect("/a")}, ActionConnect, false},
		{"as often as one may", []Packet{connect("/random"), connect("/random"), connect("/random"), connect("/")}, ActionConnect, false},
		{"too often", []Packet{connect("/random"), connect("/random"), connect("/random"), connect("/random"), connect("/")}, 0, true},
		{"too many namespaces", []Packet{connect("/a"), connect("/b"), connect("/c")}, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var conn Conn
			var got Action
			var err error
			for i, p := range c.packets {
				got, err = conn.Step(p, l, exists)
				if err != nil && i < len(c.packets)-1 {
					t.Fatal(err)
				}
				if got == ActionConnect && p.Type == Connect && err == nil {
					conn.Join(p.Namespace)
				}
			}
			if (err != nil) != c.fails || !c.fails && got != c.want {
				t.Fatalf("action %d, error %v", got, err)
			}
		})
	}
}
