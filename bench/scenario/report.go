package scenario

import "github.com/corrillo/corrillo/bench/judge"

// Latency is a distribution in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
	// Count is how many were measured.
	Count int `json:"count"`
}

// Step is one reading of a scenario that reads several times: the server's
// memory at a number of connections or conversations, or the time a page
// takes with a number of rows.
type Step struct {
	At    int     `json:"at"` // connections, conversations or rows
	What  string  `json:"what"`
	RSSMB float64 `json:"rssMB,omitempty"`
	// KernelMB is what the kernel held at this reading for its own objects and
	// for sockets, all processes together (Linux; 0: not known).
	KernelMB float64 `json:"kernelMB,omitempty"`
	// IdleCPUUs is the server's CPU time for each connection and second of the
	// rest before this reading.
	IdleCPUUs float64  `json:"idleCPUUs,omitempty"`
	Latency   *Latency `json:"latency,omitempty"`
	// PerSecond is connections, conversations or pages per second on the way
	// to this reading.
	PerSecond float64 `json:"perSecond,omitempty"`
	// PrepareSeconds is how long it took to make the rows.
	PrepareSeconds float64 `json:"prepareSeconds,omitempty"`
}

// Report is the outcome of a run, of whatever scenario. What a scenario does
// not measure is left out of the JSON.
type Report struct {
	Scenario    string  `json:"scenario"`
	Dialect     string  `json:"dialect"`
	Connections int     `json:"connections"`
	RoomSize    int     `json:"roomSize,omitempty"`
	Senders     int     `json:"senders,omitempty"`
	InFlight    int     `json:"inFlight,omitempty"`
	Rate        float64 `json:"rate,omitempty"` // open loop: messages per second asked for

	Seconds             float64 `json:"seconds"` // from the first send to the last ack
	AckedPerSecond      float64 `json:"ackedPerSecond,omitempty"`
	DeliveriesPerSecond float64 `json:"deliveriesPerSecond,omitempty"`
	// Ack is from a message's send to its ack; in the open loop from when it
	// should have been sent. Delivery is the same to each new_message.
	Ack      *Latency `json:"ackMs,omitempty"`
	Delivery *Latency `json:"deliveryMs,omitempty"`
	// ServerCPUUs is user and system time of the server's process in the run,
	// for each delivery; OwnCPUUs is the same of this process.
	ServerCPUUs      float64 `json:"serverCPUPerDeliveryUs,omitempty"`
	OwnCPUUs         float64 `json:"ownCPUPerDeliveryUs,omitempty"`
	ServerCPUSeconds float64 `json:"serverCPUSeconds,omitempty"`
	OwnCPUSeconds    float64 `json:"ownCPUSeconds,omitempty"`
	// PerRead is how many deliveries and acks came with one read: how well
	// the server coalesces.
	PerRead float64 `json:"perRead,omitempty"`

	RSSIdleMB   float64 `json:"rssIdleMB,omitempty"`   // all joined, nobody sent yet
	RSSAfterMB  float64 `json:"rssAfterMB,omitempty"`  // the last message has arrived
	RSSRestedMB float64 `json:"rssRestedMB,omitempty"` // after Config.Rest

	ConnectsPerSecond float64 `json:"connectsPerSecond,omitempty"`
	Steps             []Step  `json:"steps,omitempty"`
	// KBPerConnection is the slope of the line through all steps (least
	// squares); a KB is 1,024 bytes.
	KBPerConnection float64 `json:"kbPerConnection,omitempty"`
	// KernelKBPerSocket is half of the slope of KernelMB: both ends of a
	// connection are on this machine.
	KernelKBPerSocket float64 `json:"kernelKBPerSocket,omitempty"`

	Hop  *Hop  `json:"hop,omitempty"`
	Join *Join `json:"join,omitempty"`

	Refused int   `json:"refused,omitempty"` // retryable refusals, sent again
	Kills   int   `json:"kills,omitempty"`
	Returns int64 `json:"returns,omitempty"` // connections made again

	Verdict judge.Verdict `json:"verdict"`
	// Failure is why a run ended early; empty: it did not.
	Failure string `json:"failure,omitempty"`
}

// OK reports that the run went to its end and broke no rule.
func (r *Report) OK() bool { return r.Failure == "" && r.Verdict.OK() }
