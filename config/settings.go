package config

import (
	"strings"
	"time"
)

// Settings is every setting of Corrillo. Durations are Go durations
// ("2m30s"), sizes are bytes with an optional unit ("64MiB"), lists are comma
// separated outside of the file.
type Settings struct {
	File string `name:"config" placeholder:"FILE" group:"General" help:"Settings file; corrillo.yaml in the working directory when there is one. Also CORRILLO_CONFIG."`
	Dev  bool   `group:"General" help:"Settings for a developer's machine: trust mode, open membership, any origin, SQLite in the working directory unless a database is named, debug log. Never in production."`

	Host      string `key:"host" group:"Listen" help:"Address to listen on; all of the machine's when empty."`
	Port      int    `key:"port" env:"PORT" default:"3001" group:"Listen" help:"Port of clients, webhook and health checks; 0 takes a free one."`
	AdminAddr string `key:"adminAddr" default:"127.0.0.1:3002" group:"Listen" help:"Address of /metrics and /debug/pprof/, which have no password; off for none."`
	Demo      bool   `key:"demo" default:"true" negatable:"" group:"Listen" help:"Serve the chat page at /."`
	Reader    string `key:"reader" enum:"auto,epoll,portable" default:"auto" group:"Listen" help:"How sockets are read: epoll (Linux), portable (a goroutine for each), auto: what suits the system. TLS is always read the portable way."`

	TLS TLS `embed:"" prefix:"tls-" group:"Listen"`

	Origins []string `name:"cors-origins" key:"cors.origins" env:"CORS_ORIGIN" dev:"*,http://localhost:3000" group:"Listen" help:"Web origins (https://app.example) that may connect, besides our own; * for any."`

	Store   Store   `embed:"" prefix:"store-" group:"Store"`
	Cluster Cluster `embed:"" prefix:"cluster-" group:"Cluster"`

	Auth  Auth  `embed:"" prefix:"auth-" group:"Identity"`
	Authz Authz `embed:"" prefix:"authz-" group:"Identity"`

	Webhook Webhook `embed:"" prefix:"webhook-" group:"Webhook"`
	Events  Events  `embed:"" prefix:"events-" group:"Behaviour"`

	Limits Limits `embed:"" group:"Limits"`

	Queue     Queue     `embed:"" prefix:"queue-" group:"Behaviour"`
	Ping      Ping      `embed:"" prefix:"ping-" group:"Behaviour"`
	Recovery  Recovery  `embed:"" prefix:"recovery-" group:"Behaviour"`
	Presence  Presence  `embed:"" prefix:"presence-" group:"Behaviour"`
	Broadcast Broadcast `embed:"" prefix:"broadcast-" group:"Behaviour"`
	Drain     Drain     `embed:"" prefix:"drain-" group:"Behaviour"`
	Log       Log       `embed:"" prefix:"log-" group:"Log"`
}

// tidyLists takes the spaces off that people write around commas.
func (s *Settings) tidyLists() {
	for _, list := range [][]string{s.Origins, s.Webhook.Secrets, s.Webhook.SigningSecrets, s.Events.Passthrough, s.Limits.TrustedProxies, s.Cluster.Etcd.Endpoints} {
		for i, item := range list {
			list[i] = strings.TrimSpace(item)
		}
	}
}

// TLS says with which certificate the port of clients proves who it is.
// Without one it speaks plain HTTP.
type TLS struct {
	Cert string `key:"tls.cert" placeholder:"FILE" help:"PEM file with the certificate, and those that signed it behind it, for TLS on the port itself. Read again when it changes."`
	Key  string `key:"tls.key" secret:"file" placeholder:"FILE" help:"PEM file with the certificate's private key."`
}

// Store says where messages are kept and how they are written.
type Store struct {
	URL         string        `key:"store.url" env:"DATABASE_URL" secret:"url" placeholder:"URL" help:"mysql://user:password@host:3306/database, with the options of Prisma's form. SQLite when empty."`
	ReplicaURL  string        `key:"store.replicaUrl" aliases:"database-replica-url" env:"DATABASE_REPLICA_URL" secret:"url" placeholder:"URL" help:"A read replica of the database in store.url, in the same form, for what may be a moment old. None when empty."`
	SQLite      string        `name:"sqlite" key:"store.sqlite" default:"corrillo.db" placeholder:"FILE" help:"SQLite file that is used when no URL is given."`
	TablePrefix string        `key:"store.tablePrefix" default:"corrillo_" help:"Begins the name of each table of ours."`
	Lanes       int           `key:"store.lanes" default:"2" help:"Writers beside each other; a conversation always goes to the same one."`
	BatchRows   int           `key:"store.batchRows" default:"500" help:"Messages in one transaction at most."`
	BatchBytes  Size          `key:"store.batchBytes" default:"4MiB" help:"Bytes in one transaction at most."`
	Pending     Size          `key:"store.pending" default:"64MiB" help:"Bytes that may wait for one writer; more is refused with overloaded."`
	SaveTimeout time.Duration `key:"store.saveTimeout" default:"10s" help:"How long a message may wait for the database before its sender gets unavailable."`
	Sharded     bool          `key:"store.sharded" help:"The database keeps conversations on different shards (Vitess, PlanetScale): each is written in transactions of its own. MySQL only."`

	Mirror Mirror `embed:"" prefix:"mirror-"`
}

// Mirror says which table of the app's own everything is written to as well.
// Without a table there is no mirror.
type Mirror struct {
	Table   string            `key:"store.mirror.table" placeholder:"TABLE" help:"Table of the app's own that messages, edits, deletions and read marks are written to as well, in the same transaction. MySQL only."`
	Columns map[string]string `key:"store.mirror.columns" mapsep:"," placeholder:"FIELD=COLUMN" help:"What goes where: a field of a message, then the app's column for it (content=body). When empty, every column that has a field's name."`
	Only    string            `key:"store.mirror.only" default:"all" enum:"all,direct,groups" help:"What is mirrored: all, direct conversations, or the others (groups)."`
	Deleted string            `key:"store.mirror.deleted" default:"auto" enum:"auto,clear,keep,remove" help:"What a deletion does to the row. clear: sets deletedAt and empties the content. keep: sets deletedAt. remove: deletes the row. auto: clear where deletedAt has a column, remove otherwise."`
	Set     map[string]string `key:"store.mirror.set" mapsep:"," placeholder:"COLUMN=VALUE" help:"Further columns of a new row, and the constant that each gets (source=chat)."`
}

// Auth says how a client proves who it is.
type Auth struct {
	Mode  string        `key:"auth.mode" default:"jwt" dev:"trust" enum:"jwt,trust" help:"jwt: a token says who the client is. trust: whoever says a name is believed."`
	JWT   JWT           `embed:"" prefix:"jwt-"`
	Grace time.Duration `key:"auth.grace" default:"30s" help:"Time that a client whose token expired has to identify with a new one."`
}

// JWT says which tokens are good. At least one of Secret, PublicKey and
// JWKSURL is needed in jwt mode.
type JWT struct {
	Secret    string        `key:"auth.jwt.secret" env:"JWT_SECRET" secret:"" help:"Shared secret of HS256, HS384 and HS512 tokens."`
	PublicKey string        `key:"auth.jwt.publicKey" placeholder:"FILE" help:"PEM file, or the PEM text itself, of the key that RS256, ES256 or EdDSA tokens are signed with."`
	JWKSURL   string        `name:"jwks-url" key:"auth.jwt.jwksUrl" placeholder:"URL" help:"Where the identity provider publishes its keys (JWK Set)."`
	Issuer    string        `key:"auth.jwt.issuer" help:"Required iss claim; any when empty."`
	Audience  string        `key:"auth.jwt.audience" help:"Required aud claim; any when empty."`
	Expiry    bool          `key:"auth.jwt.expiry" default:"true" negatable:"" help:"Refuse tokens without exp."`
	Leeway    time.Duration `key:"auth.jwt.leeway" default:"5s" help:"Difference of clocks that is forgiven in exp and nbf."`
}

// Authz says who may join, read and write.
type Authz struct {
	Membership string        `key:"authz.membership" default:"auto" enum:"auto,open,members,query" help:"open: anyone. members: participants as the webhook keeps them. query: as authz.query answers. auto: open in trust mode, members in jwt mode."`
	Query      string        `key:"authz.query" placeholder:"SELECT" help:"SELECT over the app's own tables, with :userId and :conversationId; a row means yes."`
	CacheFor   time.Duration `key:"authz.cacheFor" default:"5s" help:"How long an answer of authz.query is remembered."`
	Direct     string        `key:"authz.direct" default:"anyone" enum:"anyone,shared" help:"Who may write to a person: anyone, or those who share a conversation."`
}

// Webhook says which back ends are believed.
type Webhook struct {
	Secrets        []string `key:"webhook.secrets" env:"WEBHOOK_SECRET" secret:"" help:"Secrets of the Authorization header; several at once for rotation. The webhook refuses everything without one."`
	SigningSecrets []string `key:"webhook.signingSecrets" secret:"" help:"Standard Webhooks signing secrets (whsec_...), as another way to prove it."`
}

// Events lists what is passed on without being understood.
type Events struct {
	Passthrough []string `key:"events.passthrough" help:"Event names that clients may send to each other, such as those of WebRTC signalling; not stored."`
}

// Limits bounds what clients and back ends may do. 0 is no limit.
type Limits struct {
	Mode               string        `name:"limits" key:"limits.mode" default:"on" enum:"on,off" help:"off: every limit that is not given by itself is none. For load tests."`
	Payload            Size          `name:"limits-payload" key:"limits.payload" default:"1MB" off:"64MiB" help:"Bytes of one event; payload_too_large."`
	EventsPerSecond    int           `name:"limits-events-per-second" key:"limits.eventsPerSecond" default:"50" off:"0" help:"Events that a connection may send, in the long run; rate_limited."`
	Burst              int           `name:"limits-burst" key:"limits.burst" default:"200" off:"0" help:"Events that it may send at once after a pause."`
	InFlight           int           `name:"limits-in-flight" key:"limits.inFlight" default:"256" off:"0" help:"Requests of a connection that may wait for their answer; overloaded."`
	ConnectionsPerIP   int           `name:"limits-connections-per-ip" key:"limits.connectionsPerIP" default:"1000" off:"0" help:"Connections from one address; rate_limited."`
	ConnectionsPerUser int           `name:"limits-connections-per-user" key:"limits.connectionsPerUser" default:"100" off:"0" help:"Connections of one user; rate_limited."`
	Joined             int           `name:"limits-joined" key:"limits.joined" default:"1000" off:"0" help:"Conversations that a connection may have joined; rate_limited."`
	Members            int           `name:"limits-members" key:"limits.members" default:"100000" off:"0" help:"Participants of a conversation, those who were removed included; the webhook gets payload_too_large for more, and who comes by itself stays a guest."`
	IdentifyDeadline   time.Duration `name:"limits-identify-deadline" key:"limits.identifyDeadline" default:"30s" off:"0s" help:"Time to identify after connecting; not_identified."`
	HandshakeDeadline  time.Duration `name:"limits-handshake-deadline" key:"limits.handshakeDeadline" default:"10s" off:"0s" help:"Time to finish an HTTP request or a WebSocket handshake; the connection is closed."`
	FrameDeadline      time.Duration `name:"limits-frame-deadline" key:"limits.frameDeadline" default:"10s" off:"0s" help:"Time from the first byte of a WebSocket message to its last; frame_timeout."`
	Handshakes         int           `name:"limits-handshakes" key:"limits.handshakes" default:"4096" off:"0" help:"Connections that may be on their way at once; overloaded."`
	TrustedProxies     []string      `name:"limits-trusted-proxies" key:"limits.trustedProxies" help:"Addresses or networks (10.0.0.0/8) of proxies whose X-Forwarded-For names the client."`
}

// Queue bounds what waits for one client to read.
type Queue struct {
	Bytes Size          `key:"queue.bytes" default:"1MiB" help:"Bytes that may wait for a slow client before it is closed."`
	Age   time.Duration `key:"queue.age" default:"30s" help:"How long the oldest of them may wait."`
}

// Ping says how a dead connection is noticed.
type Ping struct {
	Interval time.Duration `key:"ping.interval" default:"25s" help:"Time between pings to a client."`
	Timeout  time.Duration `key:"ping.timeout" default:"20s" help:"Time a client has to answer."`
}

// Recovery says how long a lost connection can be taken up again.
type Recovery struct {
	Window   time.Duration `key:"recovery.window" default:"2m" help:"How long a session outlives its connection; 0s turns recovery off."`
	LogBytes Size          `key:"recovery.logBytes" default:"16MiB" help:"Bytes of recent events that are kept for all sessions together."`
}

// Presence says how online and offline are told.
type Presence struct {
	Grace time.Duration `key:"presence.grace" default:"5s" help:"How long a user without a connection still counts as online, so that a reload is no flicker."`
}

// Broadcast bounds what large conversations hear.
type Broadcast struct {
	Limit int `key:"broadcast.limit" default:"100" help:"Joined clients up to which presence, read marks and typing are broadcast in a conversation; 0 for no bound."`
}

// Drain says how the server goes down.
type Drain struct {
	Period time.Duration `key:"drain.period" default:"20s" help:"Time in which all clients are sent away, one after the other, after SIGTERM."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `key:"log.level" default:"info" dev:"debug" enum:"debug,info,warn,error" help:"Least level that is logged: debug, info, warn or error."`
	Format string `key:"log.format" default:"auto" enum:"auto,text,json" help:"text or json; auto: text on a terminal, json otherwise."`
}

// Membership is the membership rule with auto settled.
func (s *Settings) Membership() string {
	switch {
	case s.Authz.Membership != "auto":
		return s.Authz.Membership
	case s.Auth.Mode == "trust":
		return "open"
	default:
		return "members"
	}
}
